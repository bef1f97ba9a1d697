"use strict";

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { test } = require("node:test");
const { isKept } = require("../lib/central");
const { PayloadPolicy, parsePolicy } = require("../lib/payload");
const { loadSettings } = require("../lib/settings");

const call = (name, args, id = 1) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args, _meta: { progressToken: 7 } } });
const sent = (payload, session) => ({ direction: "sent", peer: "gates", session, payload });
const received = (payload, session) => ({ direction: "received", peer: "gates", session, payload });
const policy = (text, bytes = 2 ** 20) => new PayloadPolicy(parsePolicy(text), bytes);

test("full is the payload as it was", () => {
  const mcp = sent(call("a", { text: "x" }));
  assert.equal(policy("full").apply(mcp), mcp);
});

test("shape keeps keys, types and lengths of the content, and all that the protocol says", () => {
  const { payload, policy: mark } = policy("shape").apply(sent(call("a", { text: "dé🚀", n: 1, ok: true, none: null, list: ["x", 2] })));
  assert.deepEqual(payload.params, {
    name: "a",
    arguments: { text: "[text: 3]", n: "[number]", ok: true, none: null, list: ["[text: 1]", "[number]"] },
    _meta: { progressToken: 7 },
  });
  assert.equal(mark.payload, "shape");
  assert.equal(mark.bytes, Buffer.byteLength(JSON.stringify(call("a", { text: "dé🚀", n: 1, ok: true, none: null, list: ["x", 2] }))));
});

test("off replaces each part of the content", () => {
  const off = policy("off");
  assert.equal(off.apply(sent(call("a", { x: 1 }))).payload.params.arguments, "[off]");
  assert.equal(off.apply(received({ jsonrpc: "2.0", id: 1, result: { x: 1 } })).payload.result, "[off]");
  const error = { jsonrpc: "2.0", id: 2, error: { code: -1, message: "no", data: "why" } };
  assert.deepEqual(off.apply(received(error)).payload.error, { code: -1, message: "no", data: "[off]" });
  assert.equal(off.apply(received("no JSON")).payload, "[off]");
  const other = { jsonrpc: "2.0", id: 3, method: "resources/read", params: { uri: "u", _meta: { t: 1 } } };
  assert.deepEqual(off.apply(sent(other)).payload.params, { _meta: { t: 1 } });
});

test("what the protocol itself says stays, and so do its answers", () => {
  const off = policy("off");
  for (const method of ["initialize", "tools/list", "server/discover"]) {
    const mcp = sent({ jsonrpc: "2.0", id: method, method, params: { x: 1 } });
    assert.equal(off.apply(mcp), mcp);
    const answer = received({ jsonrpc: "2.0", id: method, result: { tools: ["a"] } });
    assert.equal(off.apply(answer), answer);
  }
  const progress = received({ jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } });
  assert.equal(off.apply(progress), progress);
  const log = received({ jsonrpc: "2.0", method: "notifications/message", params: { data: "x" } });
  assert.equal(off.apply(log).payload.params, "[off]");
});

test("the policy of a tool is that of its calls and their answers, by session", () => {
  const tools = policy("full,secretive=off");
  assert.equal(tools.apply(sent(call("secretive", { x: 1 }, 5), "s")).payload.params.arguments, "[off]");
  const other = sent(call("open", { x: 1 }, 5), "t");
  assert.equal(tools.apply(other), other);
  const plain = received({ jsonrpc: "2.0", id: 5, result: { y: 1 } }, "t");
  assert.equal(tools.apply(plain), plain);
  assert.equal(tools.apply(received({ jsonrpc: "2.0", id: 5, result: { y: 1 } }, "s")).payload.result, "[off]");
});

test("an answer whose question is unknown gets the strictest policy", () => {
  assert.equal(policy("full,a=off").apply(received({ jsonrpc: "2.0", id: 9, result: 1 })).payload.result, "[off]");
});

test("what is too large becomes its shape, then its first characters", () => {
  const shaped = policy("full", 300).apply(sent(call("a", { text: "x".repeat(1000) })));
  assert.equal(shaped.payload.params.arguments.text, "[text: 1000]");
  assert.equal(shaped.policy.payload, "shape");
  const cut = policy("full", 300).apply(sent("ü".repeat(1000)));
  assert.equal(cut.payload, "[text: 1000]");
  const wide = call("a", Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, i])));
  const text = policy("full", 301).apply(sent(wide));
  assert.equal(text.policy.payload, "cut");
  assert.ok(JSON.stringify(wide).startsWith(text.payload) && Buffer.byteLength(text.payload) <= 301);
});

test("a bound never shows what the policy hides", () => {
  const keys = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, "hunter2"]));
  for (const word of ["shape", "off"]) {
    const { payload } = policy(word, 200).apply(sent({ ...call("a", keys), filler: "x".repeat(500) }));
    assert.doesNotMatch(JSON.stringify(payload), /hunter2/);
  }
});

test("a batch is treated message by message", () => {
  const batch = [call("a", { x: 1 }, 1), call("b", { x: 1 }, 2)];
  const { payload, policy: mark } = policy("full,b=shape").apply(sent(batch));
  assert.deepEqual(payload.map(({ params }) => params.arguments.x), [1, "[number]"]);
  assert.equal(mark.payload, "shape");
});

test("a policy that cannot be read is told, and the next source counts", () => {
  const { payloads, problems } = loadSettings({ payloads: "loud" }, { GODOT_PAYLOADS: "off" });
  assert.equal(payloads, "off");
  assert.match(problems.join(), /payloads is not a list of full, shape, off/);
});

const vectors = JSON.parse(readFileSync(join(__dirname, "..", "..", "wire", "policies.json"), "utf8"));

for (const { name, policy: text, limit, messages } of vectors.payloads) {
  test(`shared vector: ${name}`, () => {
    const shared = policy(text, limit);
    for (const { mcp, recorded } of messages) {
      const { payload, policy: mark } = shared.apply(mcp);
      assert.equal(JSON.stringify(mark === undefined ? { payload } : { payload, policy: mark }), JSON.stringify(recorded));
    }
  });
}

test("shared vectors: the same traces are kept in all languages", () => {
  for (const { trace_id: id, rate, kept } of vectors.sampling) assert.equal(isKept(id, rate) ?? true, kept, `${id} at ${rate}`);
});
