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
