"use strict";

const assert = require("node:assert/strict");
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { test } = require("node:test");
const { loadSettings } = require("../lib/settings");

test("defaults are those of the contract", () => {
  const { problems, ...settings } = loadSettings({}, {});
  assert.deepEqual(problems, []);
  assert.deepEqual(settings, {
    component: "unknown",
    level: "INFO",
    enabled: true,
    redisUrl: "redis://127.0.0.1:6379/0",
    prefix: "logs:",
    queueMax: 100_000,
    redactFields: [],
    traceSample: 1,
    payloads: "full",
    payloadBytes: 2 ** 20,
    fallback: "auto",
    fallbackBytes: 64 * 2 ** 20,
    bufferMax: 10_000,
    bufferBytes: 64 * 2 ** 20,
    redisTimeout: 1,
    retrySeconds: 5,
    exitSeconds: 2,
  });
});

test("an option wins over the environment; fields to redact add up", () => {
  const environment = { GODOT_LEVEL: "debug", GODOT_PREFIX: "p:", GODOT_REDACT_FIELDS: "ssn, pin" };
  const settings = loadSettings({ level: "warning", redactFields: ["pin", "iban"] }, environment);
  assert.equal(settings.level, "WARN");
  assert.equal(settings.prefix, "p:");
  assert.deepEqual(settings.redactFields, ["pin", "iban", "ssn"]);
});

test("a value that cannot be used is told without its text, and the next source counts", () => {
  const settings = loadSettings({ bufferMax: -1 }, { GODOT_BUFFER_MAX: "7", GODOT_REDIS_URL: "http://u:secret@h", GODOT_LEVEL: "loud" });
  assert.equal(settings.bufferMax, 7);
  assert.equal(settings.redisUrl, "redis://127.0.0.1:6379/0");
  assert.equal(settings.level, "INFO");
  assert.equal(settings.problems.length, 3);
  assert.doesNotMatch(settings.problems.join(), /secret|loud/);
});

test("sizes have units", () => {
  assert.equal(loadSettings({ bufferBytes: "2 MiB" }, {}).bufferBytes, 2 * 2 ** 20);
  assert.equal(loadSettings({}, { GODOT_FALLBACK_BYTES: "5kB" }).fallbackBytes, 5000);
});

test("the URL may be in a file", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "godot-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "url");
  writeFileSync(path, "redis://:secret@host:6379/1\n");
  assert.equal(loadSettings({}, { GODOT_REDIS_URL_FILE: path }).redisUrl, "redis://:secret@host:6379/1");
  const missing = loadSettings({}, { GODOT_REDIS_URL_FILE: join(folder, "missing") });
  assert.match(missing.problems[0], /GODOT_REDIS_URL cannot be read/);
});
