"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { RecordBuffer } = require("../lib/buffer");

const entry = (micros, bytes = 1) => ({ text: "x".repeat(bytes), bytes, micros, component: "c" });

test("the oldest go first, and each is counted with its time", () => {
  const buffer = new RecordBuffer(3, 100);
  for (let i = 1; i <= 5; i += 1) buffer.push(entry(i));
  assert.deepEqual(buffer.take(10, 100).map(({ micros }) => micros), [3, 4, 5]);
  assert.deepEqual(buffer.takeLosses(), [{ component: "c", reason: "buffer_full", count: 2, from: 1, to: 2 }]);
  assert.deepEqual(buffer.takeLosses(), []);
});

test("the bound in bytes holds, and one entry alone may not break it", () => {
  const buffer = new RecordBuffer(100, 10);
  buffer.push(entry(1, 6));
  buffer.push(entry(2, 6));
  buffer.push(entry(3, 11));
  assert.equal(buffer.bytes, 6);
  assert.deepEqual(buffer.takeLosses().map(({ reason, from }) => [reason, from]), [["buffer_bytes", 1], ["too_large", 3]]);
});

test("a batch ends before it gets too large, but is never empty", () => {
  const buffer = new RecordBuffer(100, 100);
  for (const bytes of [30, 5, 5]) buffer.push(entry(bytes, bytes));
  assert.equal(buffer.take(10, 10).length, 1);
  assert.equal(buffer.take(10, 10).length, 2);
  assert.deepEqual([buffer.size, buffer.bytes], [0, 0]);
});

test("order and counts hold over many turns", () => {
  const buffer = new RecordBuffer(5000, 1e9);
  let next = 0;
  let expected = 0;
  for (let turn = 0; turn < 50; turn += 1) {
    for (let i = 0; i < 1000; i += 1) buffer.push(entry((next += 1)));
    for (const { micros } of buffer.take(990, 1e9)) assert.equal(micros, (expected += 1));
  }
  assert.equal(buffer.size, 500);
});
