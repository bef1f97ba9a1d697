"use strict";

const assert = require("node:assert/strict");
const { readFileSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const { test } = require("node:test");
const { runNode } = require("./helpers");

/** What code has logged by its end, without the second in which a process that ends by itself looks for its Redis. */
const runToEnd = (code, environment) => runNode(`${code}\nprocess.exit();`, environment);

const WIRE = join(__dirname, "..", "..", "wire");
const schema = JSON.parse(readFileSync(join(WIRE, "record.schema.json"), "utf8"));

test("a record has the keys of the wire contract, and no other", async () => {
  const { records } = await runToEnd(`new ICCMLogger("gates").info("server starting", { port: 9050 });`);
  assert.equal(records.length, 1);
  const [record] = records;
  assert.deepEqual(Object.keys(record).sort(), Object.keys(schema.properties).sort());
  assert.equal(record.component, "gates");
  assert.equal(record.level, "INFO");
  assert.equal(record.message, "server starting");
  assert.deepEqual(record.data, { port: 9050 });
  assert.equal(record.trace_id, null);
  assert.equal(record.seq, 1);
  assert.match(record.instance, /^.+:\d+:[0-9a-f]{8}$/);
  assert.match(record.event_created_at, new RegExp(schema.$defs.time.pattern));
  assert.match(record.event_created_at, /\.\d{6}\+00:00$/);
  assert.match(record.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(Math.abs(Date.parse(record.event_created_at) - Date.now()) < 60_000);
});

test("ids are ordered in time and differ; seq counts by instance over all loggers of a process", async () => {
  const { records } = await runToEnd(`
    const a = new ICCMLogger("a"), b = new ICCMLogger("b");
    for (let i = 0; i < 500; i += 1) (i % 2 ? a : b).info("x");`);
  assert.deepEqual(records.map((record) => record.seq), Array.from({ length: 500 }, (_, i) => i + 1));
  assert.equal(new Set(records.map((record) => record.id)).size, 500);
  assert.equal(new Set(records.map((record) => record.instance)).size, 1);
  const millis = records.map((record) => Number.parseInt(record.id.replace("-", "").slice(0, 12), 16));
  assert.deepEqual(millis, [...millis].sort((x, y) => x - y));
});

test("levels below the logger's are not logged and take no number", async () => {
  const { records } = await runToEnd(`
    const log = new ICCMLogger("x", { level: "warn" });
    for (const level of ["trace", "debug", "info", "warn", "error"]) log[level](level);
    log.setLevel("TRACE");
    log.trace("now");`);
  assert.deepEqual(records.map(({ level, seq }) => [level, seq]), [["WARN", 1], ["ERROR", 2], ["TRACE", 3]]);
});

test("an unknown level changes nothing and is told once", async () => {
  const { records, stderr, status } = await runNode(`
    const log = new ICCMLogger("x", { level: "warn" });
    for (const level of ["LOUD", "LOUD", undefined, Object.create(null)]) log.setLevel(level);
    log.info("still not");
    log.warn(log.level);
    process.exit(0);`);
  assert.equal(status, 0);
  assert.deepEqual(records.map((record) => record.message), ["WARN"]);
  assert.equal(stderr, "godot-loglib: setLevel: not one of TRACE, DEBUG, INFO, WARN, ERROR\n");
});

test("a record is frozen at the call", async () => {
  const { records } = await runToEnd(`
    const data = { list: [1] };
    new ICCMLogger("x").info("x", data);
    data.list.push(2);`);
  assert.deepEqual(records[0].data, { list: [1] });
});

test("data that is no object is wrapped, and nothing that is passed makes a call throw", async () => {
  const { records, status } = await runToEnd(`
    const log = new ICCMLogger("x");
    log.info("list", [1]); log.info("text", "t"); log.info(undefined, undefined); log.info(Symbol("s"), () => {});
    log.info("trap", { get a() { throw new Error("no"); } }, {}); log.info("big", 10n, "no uuid");`);
  assert.equal(status, 0);
  assert.deepEqual(records.map((record) => record.data), [
    { value: [1] }, { value: "t" }, null, { value: "[function]" }, { a: "[unreadable]" }, { value: "10" },
  ]);
  assert.equal(records.at(-1).trace_id, "no uuid");
});

test("message records look as in the golden examples", async () => {
  for (const name of readdirSync(join(WIRE, "examples")).filter((file) => file.startsWith("valid-message"))) {
    const { raw } = JSON.parse(readFileSync(join(WIRE, "examples", name), "utf8"));
    const golden = JSON.parse(raw);
    const { direction, peer, payload, ...options } = golden.data.mcp;
    const call = [peer, payload, { ...options, traceId: golden.trace_id }].map((part) => JSON.stringify(part)).join(",");
    const { records } = await runToEnd(`new ICCMLogger("${golden.component}", { level: "TRACE" }).${direction}(${call});`);
    const { component, level, message, data, trace_id } = records[0];
    const { component: c, level: l, message: m, data: d, trace_id: t } = golden;
    assert.deepEqual({ component, level, message, data, trace_id }, { component: c, level: l, message: m, data: d, trace_id: t }, name);
  }
});

test("a message given as text keeps its numbers as they were written", async () => {
  const text = '{"jsonrpc":"2.0","id":12345678901234567890,"result":{"a":1.0,"b":1e5,"c":-0.10,"d":7,"text":"1.0 and 1e5","list":[9007199254740993]}}';
  const code = (options) => `new ICCMLogger("x", ${options}).received("y", ${JSON.stringify(text)}); process.exit();`;
  const raw = await runNode(code('{ level: "TRACE" }'));
  assert.ok(raw.stdout.includes(`"payload":${text}}`), raw.stdout);
  const { records } = await runNode(code('{ level: "TRACE", payloads: "shape" }'));
  assert.deepEqual(records[0].data.mcp.payload.result.list, ["[number]"]);
});

test("secrets leave neither in the message nor in the data nor in a payload", async () => {
  const { records } = await runToEnd(`
    const log = new ICCMLogger("x", { level: "TRACE", redactFields: ["pin"] });
    log.info("password=hunter2", { apiKey: "hunter2", pin: "hunter2" });
    log.sent("y", { jsonrpc: "2.0", id: 1, method: "m", params: { token: "hunter2" } });`, { GODOT_REDACT_FIELDS: "other" });
  assert.equal(records.length, 2);
  assert.doesNotMatch(JSON.stringify(records), /hunter2/);
});

test("LOGGING_ENABLED=false makes every call a no-op", async () => {
  const { records, stderr, status } = await runNode(
    `const log = new ICCMLogger("x"); log.error("x"); log.close().then((ok) => process.exit(ok ? 0 : 1));`,
    { LOGGING_ENABLED: "false" },
  );
  assert.deepEqual([records, stderr, status], [[], "", 0]);
});

test("import gives the same objects as require", async () => {
  const { ICCMLogger } = await import("../index.mjs");
  assert.equal(ICCMLogger, require("..").ICCMLogger);
});
