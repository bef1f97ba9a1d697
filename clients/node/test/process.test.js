"use strict";

const assert = require("node:assert/strict");
const { mkdtempSync, readdirSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { test } = require("node:test");
const { needsRedis, openQueue, runNode } = require("./helpers");

const REDIS_URL = process.env.GODOT_TEST_REDIS_URL;
const seqs = (records) => records.map((record) => record.seq);
const upTo = (count) => Array.from({ length: count }, (_, i) => i + 1);

test("a process that ends by itself has delivered everything", needsRedis, async (t) => {
  const { prefix, records } = await openQueue(t);
  const environment = { GODOT_REDIS_URL: REDIS_URL, GODOT_PREFIX: prefix };
  const { status, records: fallen, stderr } = await runNode(`new ICCMLogger("x").info("last words");`, environment);
  assert.deepEqual([status, fallen, stderr], [0, [], ""]);
  assert.equal((await records())[0].message, "last words");
});

test("process.exit() leaves no time for Redis: the fallback gets what is left", async () => {
  const { records } = await runNode(`const log = new ICCMLogger("x"); for (let i = 0; i < 3000; i += 1) log.info("x".repeat(200)); process.exit(3);`);
  assert.deepEqual(seqs(records), upTo(3000));
});

test("while Redis is away records go to the fallback, which is announced once", async () => {
  const { records, stderr, status } = await runNode(`
    const log = new ICCMLogger("x");
    (async () => { for (let i = 0; i < 3; i += 1) { log.info("x"); await log.flush(); } })();`);
  assert.equal(status, 0);
  assert.deepEqual(seqs(records), [1, 2, 3]);
  assert.equal(stderr, "godot-loglib: Redis is away (ECONNREFUSED), logging to stdout\n");
});

test("a reader of stdout that went away does not end the process", async () => {
  const { status } = await runNode(`
    process.stdout.destroy();
    const log = new ICCMLogger("x"); log.info("x");
    log.close().then(() => process.exit(7));`);
  assert.equal(status, 7);
});

test("a fallback that cannot be written: nothing is lost before the process ends, and then it is told", async () => {
  const { stderr, status } = await runNode(`
    const log = new ICCMLogger("x", { fallback: "file:/nowhere/at/all.jsonl", exitSeconds: 0.2 });
    log.info("x");
    log.flush(1500).then((flushed) => { if (flushed) process.exitCode = 1; });`);
  assert.equal(status, 0);
  assert.match(stderr, /1 records of x lost \(fallback_failed\)/);
});

test("a fallback file is rotated, three older ones are kept", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "godot-"));
  t.after(() => rmSync(folder, { recursive: true }));
  await runNode(`
    const log = new ICCMLogger("x", { fallback: ${JSON.stringify(`file:${join(folder, "f")}`)}, fallbackBytes: 1000 });
    (async () => { for (let i = 0; i < 9; i += 1) { log.info("x".repeat(600)); await log.flush(); } })();`);
  assert.deepEqual(readdirSync(folder).sort(), ["f", "f.1", "f.2", "f.3"]);
});
