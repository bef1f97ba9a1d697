// All settings of a logger: options of its constructor, then the environment, then the defaults.
"use strict";

const { readFileSync } = require("node:fs");
const { LEVELS, rankOf } = require("./levels");
const { parsePolicy } = require("./payload");

const UNITS = { "": 1, K: 1e3, M: 1e6, G: 1e9, KI: 2 ** 10, MI: 2 ** 20, GI: 2 ** 30 };
const FLAGS = { true: true, 1: true, yes: true, on: true, false: false, 0: false, no: false, off: false };

/** The reason why a value cannot be used, for people; never with the value, which may be a secret. */
class Unusable extends Error {}

function count(value) {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Unusable("not a number from 1 on");
  return number;
}

function bytes(value) {
  const match = /^(\d+) *([KMG]?I?)B?$/.exec(String(value).trim().toUpperCase());
  if (!match || UNITS[match[2]] === undefined) throw new Unusable("not a size such as 67108864 or 64MiB");
  return count(match[1] * UNITS[match[2]]);
}

function seconds(value) {
  const number = Number(value);
  if (!(number > 0 && number < Infinity)) throw new Unusable("not a number of seconds");
  return number;
}

function flag(value) {
  const known = FLAGS[String(value).trim().toLowerCase()];
  if (known === undefined) throw new Unusable("not true or false");
  return known;
}

function component(value) {
  if (typeof value !== "string" || value === "") throw new Unusable("not a text");
  if (value.length > 64) throw new Unusable("longer than 64 characters");
  return value;
}

function level(value) {
  const rank = rankOf(value);
  if (rank === undefined) throw new Unusable(`not one of ${LEVELS.join(", ")}`);
  return LEVELS[rank];
}

function redisUrl(value) {
  if (!/^rediss?:\/\//.test(value)) throw new Unusable("not a redis:// or rediss:// URL");
  return value;
}

function fallback(value) {
  if (/^(auto|stdout|stderr|off|file:.+)$/.test(value)) return value;
  throw new Unusable("not one of auto, stdout, stderr, file:PATH, off");
}

function share(value) {
  const number = typeof value === "boolean" ? Number.NaN : Number(value);
  if (!(number >= 0 && number <= 1)) throw new Unusable("not a share from 0 to 1");
  return number;
}

function payloads(value) {
  try {
    parsePolicy(value);
  } catch (error) {
    throw new Unusable(error.message);
  }
  return String(value);
}

function names(value) {
  const items = Array.isArray(value) ? value : String(value).split(",");
  return items.map((item) => String(item).trim()).filter(Boolean);
}

// option, environment variable, default, reader
const CATALOGUE = [
  ["component", "GODOT_COMPONENT", "unknown", component],
  ["level", "GODOT_LEVEL", "INFO", level],
  ["enabled", "LOGGING_ENABLED", true, flag],
  ["redisUrl", "GODOT_REDIS_URL", "redis://127.0.0.1:6379/0", redisUrl],
  ["prefix", "GODOT_PREFIX", "logs:", String],
  ["queueMax", "GODOT_QUEUE_MAX", 100_000, count],
  ["redactFields", "GODOT_REDACT_FIELDS", [], names],
  ["traceSample", "GODOT_TRACE_SAMPLE", 1, share],
  ["payloads", "GODOT_PAYLOADS", "full", payloads],
  ["payloadBytes", "GODOT_PAYLOAD_BYTES", 2 ** 20, bytes],
  ["fallback", "GODOT_FALLBACK", "auto", fallback],
  ["fallbackBytes", "GODOT_FALLBACK_BYTES", 64 * 2 ** 20, bytes],
  ["bufferMax", "GODOT_BUFFER_MAX", 10_000, count],
  ["bufferBytes", "GODOT_BUFFER_BYTES", 64 * 2 ** 20, bytes],
  ["redisTimeout", "GODOT_REDIS_TIMEOUT", 1, seconds],
  ["retrySeconds", "GODOT_RETRY_SECONDS", 5, seconds],
  ["exitSeconds", "GODOT_EXIT_SECONDS", 2, seconds],
];

/** The URL of Redis may hold a password, so a file may hold the URL. */
function fromEnvironment(environment, variable) {
  const path = variable === "GODOT_REDIS_URL" ? environment[`${variable}_FILE`] : undefined;
  return environment[variable] || (path ? readFileSync(path, "utf8").trim() : undefined);
}

/**
 * The settings as one frozen object; never throws, for logging must not break the application. A value that cannot
 * be used is told in `problems`, and the next source counts. `redactFields` from both sources add up.
 */
function loadSettings(options, environment = process.env, component = options?.component) {
  const problems = [];
  const settings = { problems };
  const given = (option) => (option === "component" ? component : options?.[option]);
  for (const [option, variable, standard, read] of CATALOGUE) {
    const usable = [];
    for (const [source, get] of [
      [option, () => given(option)],
      [variable, () => fromEnvironment(environment, variable)],
    ]) {
      try {
        const value = get();
        if (value !== undefined && value !== null && value !== "") usable.push(read(value));
      } catch (error) {
        problems.push(`${source} ${error instanceof Unusable ? `is ${error.message}` : "cannot be read"}; using the next best`);
      }
    }
    settings[option] = option === "redactFields" ? [...new Set(usable.flat())] : (usable[0] ?? standard);
  }
  return Object.freeze(settings);
}

module.exports = { loadSettings };
