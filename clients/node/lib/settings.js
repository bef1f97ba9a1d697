// All settings of a logger: options of its constructor, then the environment, then the defaults.
"use strict";

const { readFileSync } = require("node:fs");
const { LEVELS, rankOf } = require("./levels");

const DEFAULTS = Object.freeze({
  redisUrl: "redis://127.0.0.1:6379/0",
  prefix: "logs:",
  queueMax: 100_000,
  level: "INFO",
  redactFields: [],
  fallback: "stdout",
  bufferMax: 10_000,
  bufferBytes: 64 * 1024 * 1024,
  enabled: true,
});

const FALSE = new Set(["false", "0", "no", "off"]);

function positive(value) {
  const number = Number(value);
  if (!Number.isInteger(number) || number <= 0) throw new Error("must be a whole number above 0");
  return number;
}

function fallback(value) {
  const text = String(value);
  if (["stdout", "stderr", "off"].includes(text) || /^file:./.test(text)) return text;
  throw new Error("must be stdout, stderr, file:PATH or off");
}

function level(value) {
  const rank = rankOf(value);
  if (rank === undefined) throw new Error(`must be one of ${LEVELS.join(", ")}`);
  return LEVELS[rank];
}

function redisUrl(value) {
  const { protocol } = new URL(value);
  if (!["redis:", "rediss:"].includes(protocol)) throw new Error("must start with redis:// or rediss://");
  return value;
}

function list(value) {
  const items = Array.isArray(value) ? value : String(value).split(",");
  return items.map((item) => String(item).trim()).filter(Boolean);
}

const READERS = {
  redisUrl: ["GODOT_REDIS_URL", redisUrl],
  prefix: ["GODOT_PREFIX", String],
  queueMax: ["GODOT_QUEUE_MAX", positive],
  level: ["GODOT_LEVEL", level],
  redactFields: ["GODOT_REDACT_FIELDS", list],
  fallback: ["GODOT_FALLBACK", fallback],
  bufferMax: ["GODOT_BUFFER_MAX", positive],
  bufferBytes: ["GODOT_BUFFER_BYTES", positive],
  enabled: ["LOGGING_ENABLED", (value) => !FALSE.has(String(value).toLowerCase())],
};

/** The value of an environment variable, or the content of the file that its _FILE twin names. */
function fromEnvironment(environment, name) {
  if (environment[name]) return environment[name];
  const path = environment[`${name}_FILE`];
  return path ? readFileSync(path, "utf8").trim() : undefined;
}

/**
 * The settings as one frozen object. A bad value never stops the component that logs:
 * the default stands, and `problems` says which setting was wrong, without its value.
 */
function loadSettings(options = {}, environment = process.env) {
  const settings = { ...DEFAULTS };
  const problems = [];
  for (const [key, [variable, read]] of Object.entries(READERS)) {
    try {
      const value = options[key] ?? fromEnvironment(environment, variable);
      if (value !== undefined) settings[key] = read(value);
    } catch (error) {
      const reason = error.message.startsWith("must") ? error.message : "cannot be read";
      problems.push(`${variable}: ${reason}; using ${JSON.stringify(DEFAULTS[key])}`);
    }
  }
  return Object.freeze({ ...settings, problems });
}

module.exports = { DEFAULTS, loadSettings };
