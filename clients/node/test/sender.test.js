"use strict";

const assert = require("node:assert/strict");
const { mkdtempSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { test } = require("node:test");
const { ICCMLogger } = require("..");
const { needsRedis, openLine, openQueue, parseLines, until } = require("./helpers");

const REDIS_URL = process.env.GODOT_TEST_REDIS_URL;
const seqs = (records) => records.map((record) => record.seq);
const upTo = (count) => Array.from({ length: count }, (_, i) => i + 1);

test("records arrive in order, the newest at the head", needsRedis, async (t) => {
  const { prefix, records } = await openQueue(t);
  const log = new ICCMLogger("x", { redisUrl: REDIS_URL, prefix });
  for (let i = 1; i <= 2500; i += 1) log.info(`${i}`);
  assert.equal(await log.close(), true);
  assert.deepEqual(seqs(await records()), upTo(2500));
});

test("beyond the bound of the queue the oldest go, and are counted in Redis", needsRedis, async (t) => {
  const { prefix, records, dropped } = await openQueue(t);
  const log = new ICCMLogger("x", { redisUrl: REDIS_URL, prefix, queueMax: 10 });
  for (let i = 1; i <= 25; i += 1) log.info(`${i}`);
  await log.close();
  assert.deepEqual(seqs(await records()), upTo(25).slice(15));
  assert.deepEqual({ ...(await dropped()) }, { queue_full: "15" });
});

test("logging goes on after close", needsRedis, async (t) => {
  const { prefix, records } = await openQueue(t);
  const log = new ICCMLogger("x", { redisUrl: REDIS_URL, prefix });
  log.info("one");
  await log.close();
  log.info("two");
  await log.close();
  assert.deepEqual((await records()).map(({ message }) => message), ["one", "two"]);
});

test("the line is cut and comes back: everything arrives, and in order", needsRedis, async (t) => {
  const { prefix, records } = await openQueue(t);
  const line = await openLine(t);
  const log = new ICCMLogger("x", { redisUrl: line.url, prefix });
  log.info("before");
  await log.flush();
  line.set("refusing");
  log.info("meanwhile");
  setTimeout(() => line.set("open"), 150);
  assert.equal(await log.flush(5000), true);
  assert.deepEqual((await records()).map(({ message }) => message), ["before", "meanwhile"]);
  await log.close();
});

for (const state of ["refusing", "hanging"]) {
  test(`Redis is ${state}: a call takes no longer, and the sender comes back by itself`, needsRedis, async (t) => {
    const { prefix, records } = await openQueue(t);
    const line = await openLine(t);
    const folder = mkdtempSync(join(tmpdir(), "godot-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "fallback.jsonl");
    const log = new ICCMLogger("x", { redisUrl: line.url, prefix, fallback: `file:${path}`, redisTimeout: 0.2, retrySeconds: 0.3 });
    line.set(state);
    const started = performance.now();
    for (let i = 0; i < 100; i += 1) log.info("meanwhile");
    assert.ok(performance.now() - started < 1000);
    const fallen = await until(() => parseLines(readIfThere(path)).length === 100 && parseLines(readIfThere(path)), "100 records in the fallback");
    assert.deepEqual(seqs(fallen), upTo(100));
    line.set("open");
    await until(async () => {
      log.info("again");
      await log.flush();
      return (await records()).length > 0;
    }, "records in Redis again");
    await log.close();
  });
}

test("what does not fit is counted, and told by a loss record once Redis is there", needsRedis, async (t) => {
  const { prefix, records } = await openQueue(t);
  const log = new ICCMLogger("x", { redisUrl: REDIS_URL, prefix, bufferMax: 10 });
  for (let i = 1; i <= 25; i += 1) log.info(`${i}`);
  await log.close();
  const found = await records();
  const lost = found.find((record) => record.data?.lost);
  assert.equal(lost.level, "WARN");
  assert.match(lost.message, /^\d+ records lost \(buffer_full\)$/);
  // The loss record itself needs a place, for which one more may have to go.
  assert.ok(lost.data.lost.count >= 15 && lost.data.lost.from <= lost.data.lost.to);
  const told = found.filter((record) => record.data?.lost).reduce((sum, record) => sum + record.data.lost.count, 0);
  assert.equal(found.filter((record) => !record.data?.lost).length + told, 25);
});

test("with the fallback off records wait in the buffer, whose bound counts what it cannot hold", needsRedis, async (t) => {
  const { prefix, records } = await openQueue(t);
  const line = await openLine(t);
  line.set("refusing");
  const log = new ICCMLogger("x", { redisUrl: line.url, prefix, fallback: "off", retrySeconds: 0.1, bufferMax: 10 });
  for (let i = 0; i < 5; i += 1) log.info("waiting");
  assert.equal(await log.flush(1500), false);
  for (let i = 0; i < 15; i += 1) log.info("too many");
  assert.equal(await log.flush(100), false);
  line.set("open");
  assert.equal(await log.flush(5000), true);
  const found = await records();
  const told = found.filter((record) => record.data?.lost);
  assert.deepEqual(new Set(told.map((record) => record.data.lost.reason)), new Set(["buffer_full"]));
  assert.equal(found.slice(0, 5).map((record) => record.message).join(), Array(5).fill("waiting").join());
  const lost = told.reduce((sum, record) => sum + record.data.lost.count, 0);
  assert.equal(found.length - told.length + lost, 20);
  await log.close();
});

function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
