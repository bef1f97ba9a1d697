// pino through the transport and through the destination, and threads.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { needsRedis, openQueue, runNode } = require("./helpers");

const REDIS_URL = process.env.GODOT_TEST_REDIS_URL;
const PINO = JSON.stringify(require.resolve("pino"));
const TARGET = JSON.stringify(require.resolve("../lib/pino"));
const TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

const LOG = `
  log.trace("below"); log.info("plain"); log.info({ user: "bob", token: "hunter2" }, "msg"); log.error(new Error("no"));
  log.child({ request: 1 }).warn("child"); log.fatal("last");`;

function check(records) {
  assert.deepEqual(records.map(({ level, message }) => [level, message]), [
    ["INFO", "plain"], ["INFO", "msg"], ["ERROR", "no"], ["WARN", "child"], ["ERROR", "last"],
  ]);
  assert.deepEqual(new Set(records.map(({ component }) => component)), new Set(["gates"]));
  assert.equal(records[0].data, null);
  assert.deepEqual(records[1].data, { user: "bob", token: "[REDACTED]" });
  assert.equal(records[2].data.err.message, "no");
  assert.match(records[2].data.err.stack, /^Error: no\n/);
  assert.deepEqual(records[3].data, { request: 1 });
  for (const { event_created_at: at } of records) assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
}

test("the destination: records of pino with the current trace", needsRedis, async (t) => {
  const { prefix, records } = await openQueue(t);
  const { status, stderr } = await runNode(`
    const { destination } = require(${TARGET});
    const log = require(${PINO})(destination({ component: "gates" }));
    new ICCMLogger("gates").traceContext("${TRACE}", () => { ${LOG} });`, { GODOT_REDIS_URL: REDIS_URL, GODOT_PREFIX: prefix });
  assert.equal(status, 0, stderr);
  const found = await records();
  check(found);
  assert.deepEqual(new Set(found.map(({ trace_id: id }) => id)), new Set([TRACE]));
});

for (const [what, end] of [["a process that ends by itself", ""], ["process.exit()", "setTimeout(() => process.exit(), 1500);"]]) {
  test(`the transport, in ${what}`, needsRedis, async (t) => {
    const { prefix, records } = await openQueue(t);
    const { status, stderr } = await runNode(`
      const { mixin } = require(${TARGET});
      const log = require(${PINO})({ mixin, transport: { target: ${TARGET}, options: { component: "gates" } } });
      new ICCMLogger("gates").traceContext("${TRACE}", () => { ${LOG} });
      ${end}`, { GODOT_REDIS_URL: REDIS_URL, GODOT_PREFIX: prefix });
    assert.equal(status, 0, stderr);
    const found = await records();
    check(found);
    assert.equal(found[0].trace_id, TRACE);
  });
}

test("the name of a pino logger is the component where none is configured", async () => {
  const { records } = await runNode(`
    const { destination } = require(${TARGET});
    const to = destination();
    require(${PINO})({ name: "dewey" }, to).info("a"); require(${PINO})({ name: "fiedler", timestamp: () => ',"time":"2026-01-31T12:00:00.000Z"', formatters: { level: (label) => ({ level: label }) } }, to).warn("b");
    to.write("no JSON at all\\n"); to.write("[1]\\n"); to.write('{"level":"loud","msg":{"a":1}}\\n');
    process.exit();`);
  assert.deepEqual(records.map(({ component, level, message }) => [component, level, message]), [
    ["dewey", "INFO", "a"], ["fiedler", "WARN", "b"], ["unknown", "WARN", "no JSON at all"], ["unknown", "WARN", "[1]"], ["unknown", "WARN", ""],
  ]);
  assert.equal(records[1].event_created_at, "2026-01-31T12:00:00.000000+00:00");
});

test("import gives the same objects as require", async () => {
  const { destination, mixin, default: transport } = await import("../pino.mjs");
  const required = require("../lib/pino");
  assert.deepEqual([destination, mixin, transport], [required.destination, required.mixin, required]);
});
