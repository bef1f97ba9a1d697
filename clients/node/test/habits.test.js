// Habits of people who come from pino and console, and everything that can be passed to a call.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { runNode } = require("./helpers");

/** The records of one process, as [level, message, data]. */
async function logged(code) {
  const { records, status, stderr } = await runNode(`const log = new ICCMLogger("x", { level: "TRACE" });\n${code}\nprocess.exit();`, { GODOT_EXIT_SECONDS: "30" });
  assert.equal(status, 0, stderr);
  return records.map(({ level, message, data }) => [level, message, data]);
}

const HABITS = [
  ["message and data", 'log.info("m", { a: 1 })', "m", { a: 1 }],
  ["an object and a message", 'log.info({ user: "bob" }, "msg")', "msg", { user: "bob" }],
  ["an object, a template and its values", 'log.info({ user: "bob" }, "got %d of %s", 1, "two")', "got 1 of two", { user: "bob" }],
  ["an object alone", 'log.info({ user: "bob", msg: "hi" })', "hi", { user: "bob", msg: "hi" }],
  ["%s", 'log.info("user %s", "bob")', "user bob", null],
  ["%s with data after it", 'log.info("user %s", "bob", { a: 1 })', "user bob", { a: 1 }],
  ["%d, %i, %f, %j, %o, %O, %c and %%", 'log.info("%d %i %f %j %o %O%c 5%%", 1.5, 1.5, "2.5", { a: 1 }, [1], {}, "css")', '1.5 1 2.5 {"a":1} [1] {} 5%', null],
  ["fewer values than signs", 'log.info("%s %s", "a")', "a %s", null],
  ["prose with a per cent sign", 'log.info("100%done", { a: 1 })', "100%done", { a: 1 }],
  ["a per cent sign alone", 'log.info("90% of 5", { a: 1 })', "90% of 5", { a: 1 }],
  ["an error for %s", 'log.info("failed: %s", new TypeError("no"))', "failed: TypeError: no", null],
  ["console's several values", 'log.info("a", { b: 1 }, { c: 2 })', "a", { b: 1, arguments: [{ c: 2 }] }],
  ["a text as data", 'log.info("a", "b")', "a", { value: "b" }],
  ["a list as data", 'log.info("a", [1, 2])', "a", { value: [1, 2] }],
  ["a list alone", 'log.info([1, 2])', "", { value: [1, 2] }],
  ["no argument", "log.info()", "undefined", null],
  ["null", "log.info(null)", "null", null],
  ["a number", "log.info(5)", "5", null],
  ["a secret as a value of a template", 'log.info("login with password=%s", "hunter2")', "login with password=[REDACTED]", null],
  ["a child", 'log.child({ request: 7 }).info("m", { a: 1 })', "m", { request: 7, a: 1 }],
  ["a child of a child, without data", 'log.child({ a: 1 }).bind({ b: 2 }).info("m")', "m", { a: 1, b: 2 }],
  ["a child with a secret", 'log.child({ token: "hunter2" }).info("m")', "m", { token: "[REDACTED]" }],
  ["a Map and a Set", 'log.info("m", { map: new Map([["k", 1]]), set: new Set([1]) })', "m", { map: { k: 1 }, set: [1] }],
  ["a Buffer of text, and one of bytes", 'log.info("m", { text: Buffer.from("hi"), bytes: Buffer.from([0xff]) })', "m", { text: "hi", bytes: "[1 bytes]" }],
  ["BigInt, Symbol, function, undefined", 'log.info("m", { big: 10n, sign: Symbol("s"), f() {}, u: undefined })', "m", { big: "10", sign: "Symbol(s)", f: "[function]" }],
  ["NaN and Infinity", 'log.info("m", { a: NaN, b: -Infinity })', "m", { a: "NaN", b: "-Infinity" }],
  ["a Date, a RegExp, a URL", 'log.info("m", { d: new Date(0), r: /x/g, u: new URL("http://h/p"), bad: new Date(NaN) })', "m", { d: "1970-01-01T00:00:00.000Z", r: "/x/g", u: "http://h/p", bad: "Invalid Date" }],
  ["Headers", 'log.info("m", { h: new Headers({ a: "b" }) })', "m", { h: { a: "b" } }],
  ["toJSON", 'log.info("m", { toJSON: () => ({ own: 1 }) })', "m", { own: 1 }],
  ["a class", 'log.info("m", new (class Point { x = 1; })())', "m", { x: 1 }],
  ["a cycle", "const c = { a: 1 }; c.c = c; log.info('m', c)", "m", { a: 1, c: "[circular]" }],
  ["a key called __proto__", "log.info('m', { nested: JSON.parse('{\"x\": 1}') })", "m", { nested: { x: 1 } }],
  ["a getter that throws beside others", 'log.info("m", { get a() { throw new Error("no"); }, b: 1 })', "m", { a: "[unreadable]", b: 1 }],
  ["a toJSON that throws", 'log.info("m", { a: { toJSON() { throw new Error("no"); }, b: 1 } })', "m", { a: { toJSON: "[function]", b: 1 } }],
];

test("habits", async (t) => {
  // One process for all of them.
  const found = await logged(HABITS.map(([, code]) => `{ ${code} }`).join("\n"));
  for (const [i, [what, , message, data]] of HABITS.entries()) {
    await t.test(what, () => assert.deepEqual(found[i], ["INFO", message, data]));
  }
});

test("every method, at its level", async () => {
  const names = ["trace", "debug", "info", "log", "warn", "warning", "error", "exception", "critical", "fatal"];
  const found = await logged(`for (const name of ${JSON.stringify(names)}) log[name](name);`);
  assert.deepEqual(found.map(([level]) => level), ["TRACE", "DEBUG", "INFO", "INFO", "WARN", "WARN", "ERROR", "ERROR", "ERROR", "ERROR"]);
});

test("an error keeps its stack, its code and its cause, wherever it stands", async () => {
  const found = await logged(`
    const error = Object.assign(new TypeError("no", { cause: new Error("why") }), { code: "E1" });
    log.error(error); log.error(error, "msg"); log.error(error, { a: 1 }); log.error({ err: error }); log.error({ err: error }, "msg");
    log.error("msg", error); log.error("msg", { error }); log.error("failed:", error, { a: 1 });
    log.error(error, "user %s", "bob");`);
  const messages = found.map(([, message]) => message);
  assert.deepEqual(messages, ["no", "msg", "no", "no", "msg", "msg", "msg", "failed:", "user bob"]);
  for (const [, , data] of found) {
    const error = data.err ?? data.error ?? data;
    assert.equal(error.type, "TypeError");
    assert.equal(error.code, "E1");
    assert.match(error.stack, /^TypeError: no\n +at /);
    assert.equal(error.cause.message, "why");
  }
  assert.equal(found[2][2].a, 1);
});

test("nothing that is passed makes any call throw", async () => {
  const { records, status, stderr } = await runNode(`
    const log = new ICCMLogger("x", { level: "TRACE" });
    const trap = new Proxy({}, new Proxy({}, { get() { throw new Error("trap"); } }));
    const { proxy: revoked, revoke } = Proxy.revocable({}, {}); revoke();
    const loud = { get self() { log.info("again", loud); throw null; }, toString() { throw null; }, [Symbol.toPrimitive]() { throw null; } };
    let deep = {}; for (let i = 0; i < 5000; i += 1) deep = { deep };
    const broken = new Error("x"); Object.defineProperty(broken, "stack", { get() { throw null; } }); Object.defineProperty(broken, "message", { get() { throw null; } });
    const values = [trap, revoked, loud, deep, broken, Object.create(null), new Proxy(function () {}, {}), 10n, Symbol("s"), NaN, "\\ud800", "%s%d%j%o%c%%",
      new Map([[trap, trap]]), new Set([trap]), [trap], new Date(NaN), new Uint8Array(5), new SharedArrayBuffer(1), new WeakMap(), Promise.resolve(), { length: 1e9 }];
    for (const a of [globalThis, process, new Array(1e7), require("node:module")]) { log.info(a); log.info("m", a); log.sent("p", a); log.inject(a); log.extract(a); }
    let calls = 0;
    for (const a of values) for (const b of [undefined, ...values]) {
      log.info(a, b); log.info(a, b, a); log.info("%s %j", a, b); log.error(a, "text %s", b); log.info("m", a, b, a);
      log.sent(a, b, a); log.received(b, a); log.sent("p", a, { transport: a, session: b, traceId: a });
      log.inject(a); log.extract(a); log.setLevel(a); log.isLevelEnabled(a); log.child(a, b); log.traceContext(a, () => log.inject(b));
      calls += 1;
    }
    for (const a of values) { new ICCMLogger(a); new ICCMLogger("x", a); }
    (async () => {
      for (const a of values) { await log.flush(a === undefined ? 1 : a); break; }
      process.stderr.write("calls " + calls + "\\n"); process.exit();
    })();`, { GODOT_BUFFER_MAX: "500", GODOT_EXIT_SECONDS: "20" });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /calls \d{3}/);
  assert.ok(records.length > 0);
});

test("a record that is logged while another is frozen is left out, and nothing recurses", async () => {
  const found = await logged('const loud = { get self() { log.info("again", loud); return 1; } }; log.info("m", loud); log.info("n");');
  assert.deepEqual(found.map(([, message]) => message), ["m", "n"]);
});

test("what is too much is bounded and marked", async () => {
  const [[, , wide], [, , long]] = await logged(`
    log.info("m", Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => ["k" + i, i])));
    log.info("m", { list: new Array(1e6).fill(1) });`);
  assert.equal(wide["…"], "[more than 100000 values]");
  assert.equal(long.list.at(-1), "[more than 100000 values]");
});
