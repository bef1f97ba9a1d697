// Central levels, X-Trace-Log and sampling: what is logged beside the logger's own level.
"use strict";

const assert = require("node:assert/strict");
const { setTimeout: sleep } = require("node:timers/promises");
const { test } = require("node:test");
const { createClient } = require("@redis/client");
const { ICCMLogger } = require("..");
const { isKept } = require("../lib/central");
const { needsRedis, openQueue, runNode, until } = require("./helpers");

const REDIS_URL = process.env.GODOT_TEST_REDIS_URL;
const TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

async function openLevels(t, options = {}) {
  const { prefix, records } = await openQueue(t);
  const client = createClient({ url: REDIS_URL });
  await client.connect();
  const log = new ICCMLogger("x", { redisUrl: REDIS_URL, prefix, fallback: "off", ...options });
  t.after(async () => {
    await log.close();
    await client.del(`${prefix}levels`);
    client.destroy();
  });
  const at = (level, expiresAt = null) => client.hSet(`${prefix}levels`, "x", JSON.stringify({ level, expires_at: expiresAt }));
  const messages = async () => {
    await log.flush(5000);
    return (await records()).map(({ message }) => message);
  };
  return { log, records, messages, set: at, raw: (text) => client.hSet(`${prefix}levels`, "x", text), reset: () => client.del(`${prefix}levels`) };
}

test("a central level reaches a process that logs within a second, also one whose calls are all filtered out", needsRedis, async (t) => {
  const { log, set, reset, records, messages } = await openLevels(t);
  log.info("first");
  await until(async () => (await messages()).includes("first"), "the first record");
  await set("TRACE");
  const started = performance.now();
  await until(() => (log.debug("filtered"), log.level === "TRACE"), "the level", 3);
  assert.ok(performance.now() - started < 1000, `${performance.now() - started} ms`);
  log.trace("now");
  assert.ok((await messages()).includes("now"));
  const announced = (await records()).find(({ data }) => data?.log_level);
  assert.equal(announced.message, "level TRACE set centrally");
  assert.equal(announced.level, "INFO");
  assert.deepEqual(announced.data.log_level, { level: "TRACE", own: "INFO", expires_at: null });
  await reset();
  await until(() => (log.info("x"), log.level === "INFO"), "the own level");
  assert.ok((await messages()).includes("own level INFO again"));
});

test("a central level ends by the client's clock, without Redis", needsRedis, async (t) => {
  const { log, set, messages } = await openLevels(t, { level: "ERROR" });
  const expires = new Date(Date.now() + 1500).toISOString().replace("Z", "000+00:00");
  await set("TRACE", expires);
  await until(() => (log.debug("x"), log.level === "TRACE"), "the level", 2);
  await until(() => log.level === "ERROR", "the end of the level", 3);
  assert.ok(Date.now() >= Date.parse(expires));
  const found = await messages();
  assert.ok(found.includes(`level TRACE set centrally until ${expires}`));
  assert.ok(found.includes("own level ERROR again"));
});

test("the central level wins over setLevel in both directions, and the own one is remembered", needsRedis, async (t) => {
  const { log, set, reset } = await openLevels(t);
  await set("ERROR");
  await until(() => (log.info("x"), log.level === "ERROR"), "the level");
  log.setLevel("DEBUG");
  assert.equal(log.level, "ERROR");
  assert.equal(log.isLevelEnabled("warn"), false);
  await reset();
  await until(() => (log.info("x"), log.level === "DEBUG"), "the own level");
});

test("an entry that cannot be used is as none", needsRedis, async (t) => {
  const { log, raw, set } = await openLevels(t);
  for (const text of ["", "no JSON", "[]", "null", '{"level":"LOUD"}', '{"level":"TRACE","expires_at":"soon"}', '{"level":"TRACE","expires_at":"2020-01-01T00:00:00+00:00"}']) {
    await raw(text);
    log.info("x");
    await sleep(600);
    assert.equal(log.level, "INFO", text);
  }
  await set("DEBUG");
  await until(() => (log.info("x"), log.level === "DEBUG"), "the level");
});

test("looking for a level keeps no process alive, and none waits for a Redis that hangs", async () => {
  const started = performance.now();
  await runNode('new ICCMLogger("x").debug("filtered");', { GODOT_REDIS_URL: "redis://10.255.255.1:6379" });
  assert.ok(performance.now() - started < 3000);
});

test("X-Trace-Log: the request is logged at TRACE through its whole life, and nothing else is", async () => {
  const { records } = await runNode(`
    const log = new ICCMLogger("x");
    const trace = "${TRACE}";
    (async () => {
      log.trace("no trace");
      for (const [name, carrier] of Object.entries({
        header: { "x-trace-id": trace, "X-Trace-Log": "TRUE" },
        mcp: { jsonrpc: "2.0", id: 1, method: "m", params: { _meta: { traceparent: "00-${TRACE.replaceAll("-", "")}-00f067aa0ba902b7-01", "X-Trace-Log": true } } },
        without: { "x-trace-id": trace },
      })) {
        const found = log.extract(carrier);
        await log.traceContext(found, async () => {
          log.trace(name);
          await new Promise((resolve) => setTimeout(resolve, 5));
          log.sent("y", { jsonrpc: "2.0", id: 1, method: name });
          const headers = log.inject({}), message = log.inject({ jsonrpc: "2.0", id: 2, method: "m" });
          log.info(name + " injects", { header: headers["X-Trace-Log"], key: message.params._meta["x-trace-log"] });
        });
      }
      log.trace("outside");
      process.exit();
    })();`);
  assert.deepEqual(records.map(({ message }) => message), [
    "header", "sent header to y", "header injects", "mcp", "sent mcp to y", "mcp injects", "without injects",
  ]);
  assert.deepEqual(records.filter(({ message }) => message.endsWith("injects")).map(({ data }) => data), [
    { header: "true", key: "true" }, { header: "true", key: "true" }, {},
  ]);
  assert.deepEqual(records.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6, 7]);
});

test("tracestate and baggage are passed on", () => {
  const log = new ICCMLogger("x", { enabled: false });
  const incoming = { traceparent: `00-${TRACE.replaceAll("-", "")}-00f067aa0ba902b7-00`, tracestate: "a=b", baggage: "c=d" };
  const trace = log.extract(incoming);
  log.traceContext(trace, () => {
    const headers = log.inject({ other: "1" });
    assert.equal(headers.tracestate, "a=b");
    assert.match(headers.traceparent, /-00$/);
    const copy = log.inject(new Headers({ other: "1" }));
    assert.deepEqual([copy.get("baggage"), copy.get("other"), copy.get("x-trace-id")], ["c=d", "1", TRACE]);
    const text = log.inject('{"jsonrpc":"2.0","id":1,"method":"m"}');
    assert.equal(JSON.parse(text).params._meta.baggage, "c=d");
    assert.equal(log.inject('{"jsonrpc":"2.0","id":1,"result":{}}'), '{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  assert.equal(log.extract(JSON.stringify({ jsonrpc: "2.0", method: "m", params: { _meta: incoming } })), TRACE);
  assert.match(log.extract({}, { create: true }), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.equal(log.extract({}), null);
});

test("sampling: the example of the wire contract, and a trace kept at a rate is kept at every higher one", () => {
  assert.equal(isKept(TRACE, 0.71), true);
  assert.equal(isKept(TRACE, 0.7), false);
  assert.equal(isKept(TRACE.replaceAll("-", "").toUpperCase(), 0.71), true);
  assert.equal(isKept(TRACE, 1), true);
  assert.equal(isKept(TRACE, 0), false);
  assert.equal(isKept("no trace", 0), undefined);
});

test("sampling concerns TRACE records with a trace alone, takes no number, and is announced", async () => {
  const { records } = await runNode(`
    const log = new ICCMLogger("x", { level: "TRACE", traceSample: 0.1 });
    log.traceContext("${TRACE}", () => { log.trace("a"); log.debug("b"); log.sent("y", { jsonrpc: "2.0", id: 1, method: "m" }); });
    log.trace("without a trace");
    log.received("y", { jsonrpc: "2.0", id: 1, method: "m", params: { _meta: { traceparent: "00-${TRACE.replaceAll("-", "")}-00f067aa0ba902b7-01" } } });
    log.traceContext(log.extract({ "x-trace-id": "${TRACE}", "x-trace-log": "on" }), () => log.trace("asked for"));
    log.trace("kept", null, "7c9e6679742540de94ffffffffffffff");
    process.exit();`);
  assert.deepEqual(records.map(({ message, seq }) => [seq, message]), [
    [1, "TRACE sampling: 10 % of traces are kept"], [2, "b"], [3, "without a trace"], [4, "asked for"], [5, "kept"],
  ]);
  assert.deepEqual(records[0].data, { trace_sample: { rate: 0.1 } });
  assert.equal(records[0].level, "INFO");
});
