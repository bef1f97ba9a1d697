"use strict";

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { test } = require("node:test");
const { MARKER, Redactor } = require("../lib/redact");

const vectors = JSON.parse(readFileSync(join(__dirname, "..", "..", "wire", "redaction.json"), "utf8"));

test("the marker is the one of the wire contract", () => assert.equal(MARKER, vectors.marker));

for (const { name, input, output, fields } of vectors.cases) {
  test(`redaction vector: ${name}`, () => {
    const redactor = new Redactor(fields ?? []);
    assert.deepEqual(typeof input === "string" ? redactor.text(input) : redactor.data(input), output);
  });
}

test("what cannot be read is dropped, never passed on", () => {
  const trap = { get secretly() { throw new Error("no"); } };
  assert.equal(JSON.stringify(new Redactor().data({ trap })), JSON.stringify(MARKER));
});

test("a circle, a bottomless depth and values that JSON does not know become text", () => {
  const circle = { a: 1 };
  circle.self = circle;
  const redactor = new Redactor();
  assert.deepEqual(redactor.data(circle), { a: 1, self: "[circular]" });
  let deep = {};
  for (let i = 0; i < 5000; i += 1) deep = { deep };
  assert.match(JSON.stringify(redactor.data(deep)), /nested deeper/);
  assert.deepEqual(redactor.data({ n: NaN, b: 10n, f() {}, u: undefined, d: new Date(0), m: new Map([["password", "x"]]) }), {
    n: "NaN",
    b: "10",
    f: "[function]",
    d: "1970-01-01T00:00:00.000Z",
    m: { password: MARKER },
  });
});

test("an error keeps its stack, without the secret in its message", () => {
  const { message, stack } = new Redactor().data(new Error("login with password=hunter2"));
  assert.equal(message, `login with password=${MARKER}`);
  assert.doesNotMatch(stack, /hunter2/);
});

test("a shared object that is no circle is kept twice", () => {
  const shared = { a: 1 };
  assert.deepEqual(new Redactor().data([shared, shared]), [{ a: 1 }, { a: 1 }]);
});

const attacks = JSON.parse(readFileSync(join(__dirname, "..", "..", "wire", "attacks.json"), "utf8"));
const table = JSON.parse(readFileSync(join(__dirname, "..", "lib", "rules.json"), "utf8"));

test("each entry of the table hides its example and keeps the other", () => {
  const redactor = new Redactor([], { key: "" });
  const redact = (value) => (typeof value === "string" ? redactor.text(value) : redactor.data(value));
  for (const entry of [...table.keys, ...table.pairs, ...table.values, ...table.blocks, ...table.addresses, table.query]) {
    assert.ok(JSON.stringify(redact(entry.hides)).includes("[REDACTED]"), entry.rule);
    assert.deepEqual(redact(entry.keeps), entry.keeps, entry.rule);
  }
});

test("time is linear in the length of any text", () => {
  const redactor = new Redactor(["credit_card"], { key: "" });
  const seconds = (text) => {
    const before = process.cpuUsage();
    redactor.text(text);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  const fragments = [...attacks.texts, ...table.values.flatMap(({ hides, keeps, triggers }) => [hides, keeps, ...triggers])];
  for (const name of attacks.names) for (const sign of attacks.signs) for (const start of attacks.starts) fragments.push(name + sign + start);
  const long = (fragment, size) => fragment.repeat(Math.ceil(size / fragment.length)).slice(0, size);
  for (const fragment of fragments) {
    const few = seconds(long(fragment, 5_000));
    const many = seconds(long(fragment, 40_000));
    assert.ok(many < 24 * few + 0.1, `${JSON.stringify(fragment)}: ${few} s, ${many} s`);
  }
  assert.ok(seconds(`token=\\"${"\\".repeat(2_000_000)}`) < 2);
});

test("the hash in the marker tells equal secrets without telling them", () => {
  const { key, cases } = vectors.hash;
  const redactor = new Redactor([], { key });
  for (const { input, output } of cases) {
    assert.deepEqual(redactor.data(input), output);
    assert.deepEqual(redactor.data(output), output);
  }
});

test("what is beyond the bound is cut and says so", () => {
  const text = "word ".repeat(3_500_000);
  const clean = new Redactor().text(`${text}password=hunter2`);
  assert.ok(clean.endsWith(`[cut from ${text.length + 16} characters]`));
});
