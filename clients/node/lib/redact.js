// Copies log data into plain JSON without secrets: by key at any depth, in pairs, and by the look of values.
"use strict";

const { createHmac } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { CHECKS } = require("./checks");
const { COMBINERS, VALUES, isObject, isSchema } = require("./schema");
const { HARMLESS_VALUES, IS_PLACEHOLDER, LOGINS, MARKED, MARKER, TextRedactor, isCount } = require("./secret-text");
const { ENDS, INSIDE, PLAIN, SensitiveKeys, TABLE, WEAK } = require("./sensitive");

const MAX_DEPTH = 200;
const MAX_VALUES = 1_000_000;
/** Characters of one record that are looked through: the daemon stores no more. The rest is cut, and marked. */
const TEXT_BOUND = 16 * 1024 * 1024;
const CUT_BACK = 4096;
const PARSED_LENGTH = 1024 * 1024;
const SHORTEST_SECRET = 7; // "sk-" and a few, "token=x"
const HASH_LENGTH = 4;
const TOO_DEEP = `[nested deeper than ${MAX_DEPTH} levels]`;
const TOO_MANY = `[more than ${MAX_VALUES} values]`;
const CIRCULAR = "[circular]";

const PAIRS = Object.fromEntries(TABLE.pairs.map((entry) => [entry.rule, entry]));
const { names: NAMES, values: NAMED_VALUES } = PAIRS["name and value"];
const BESIDE_CODE = PAIRS["authorization code"].beside;
const NO_PAIRS_UNDER = new Set(PAIRS["list of strings that is none"].not_under);
const IDENTIFIER = /^[A-Za-z][A-Za-z_-]*$/;
const NAME = /^[A-Za-z_-][A-Za-z0-9_.:-]{1,63}$/;
const WITH_SCHEME = /^[A-Za-z][A-Za-z0-9-]{0,31} +([^ ]+)$/;
const PATH = /^(?:\/|~|\.{1,2}\/|[A-Za-z]:[\\/])/;
const USER_OPTIONS = new Set(["-u", "--user", "--proxy-user"]);
const BESIDE_PASS = ["user", "username", "login", "host", "email", "account"];

const isNumber = (value) => typeof value === "number" || typeof value === "bigint";

/** Whether a structure holds numbers alone, and at least one. */
function counts(value) {
  if (isNumber(value)) return true;
  if (value === null || typeof value !== "object") return false;
  if (!Array.isArray(value) && !Object.keys(value).every((key) => IDENTIFIER.test(key))) return false;
  const items = Object.values(value);
  return items.length > 0 && items.every((item) => item === null || typeof item === "boolean" || counts(item));
}

/** Whether what stands under such a name is a secret: null and booleans never, numbers not under every name. */
function isSecret(value, verdict, name, beside = {}) {
  if (value === null || value === undefined || typeof value === "boolean") return false;
  if (isNumber(value)) return verdict === ENDS;
  if (typeof value === "string") {
    if (HARMLESS_VALUES.has(value.toLowerCase()) || IS_PLACEHOLDER.test(value)) return false;
    if (verdict === INSIDE && isCount(name, value)) return false;
    if (verdict === WEAK) {
      if (CHECKS.mixed(value) && !LOGINS.has(value.toLowerCase())) return true;
      return name.toLowerCase() === "pass" && BESIDE_PASS.some((other) => Object.hasOwn(beside, other));
    }
    return !(name.toLowerCase().endsWith("pwd") && PATH.test(value));
  }
  if (verdict === WEAK) {
    return Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === "string");
  }
  return !(verdict === INSIDE && counts(value));
}

/** What JSON cannot hold, as something that it can. */
function plain(value) {
  if (value instanceof Error) return { ...value, name: value.name, message: value.message, stack: value.stack };
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return typeof value.toJSON === "function" ? value.toJSON() : value;
}

/** The key of the hash in the marker, from the environment; empty when there is none. */
function hashKey(environment = process.env) {
  if (environment.GODOT_REDACT_KEY || !environment.GODOT_REDACT_KEY_FILE) return environment.GODOT_REDACT_KEY ?? "";
  try {
    return readFileSync(environment.GODOT_REDACT_KEY_FILE, "utf8").trim();
  } catch {
    return "";
  }
}

/** The key under which the value stands whose name says that it is a secret. */
function namedValue(data, judge) {
  if (Object.hasOwn(data, "code") && BESIDE_CODE.some((key) => Object.hasOwn(data, key))) return "code";
  for (const key of NAMED_VALUES) {
    if (!Object.hasOwn(data, key)) continue;
    for (const name of NAMES) {
      const held = data[name];
      if (typeof held !== "string" || !NAME.test(held)) continue;
      const verdict = judge(held.replace(/^-+/, ""));
      if (verdict === ENDS || (verdict === INSIDE && !isNumber(data[key]))) return key;
    }
  }
  return null;
}

/** The beginning of a text, not ending amid a word, and a note. */
function cut(text, bound) {
  const head = text.slice(0, bound);
  const blank = Math.max(head.lastIndexOf(" "), head.lastIndexOf("\n"), head.lastIndexOf(","), bound - CUT_BACK, 0);
  return `${head.slice(0, blank)}[cut from ${text.length} characters]`;
}

/**
 * Redacts. It never throws and fails closed: what it cannot judge (too deep, too much, an error while reading) is
 * dropped, never passed on.
 */
class Redactor {
  #keys;
  #texts;
  #hashKey;
  #left = 0;
  #characters = TEXT_BOUND;

  /**
   * `fields`: keys to redact beside those of the table (`clients/wire/rules.json`). `key`: of the short hash in the
   * marker, `[REDACTED:7f3a]`, by which equal secrets are recognised; by default `GODOT_REDACT_KEY` or the content of
   * the file that `GODOT_REDACT_KEY_FILE` names, and without one there is no hash.
   */
  constructor(fields = [], { key = hashKey() } = {}) {
    this.#keys = new SensitiveKeys(fields);
    this.#texts = new TextRedactor(this.#keys, (secret) => this.#hide(secret), fields);
    this.#hashKey = key;
  }

  /** A redacted copy of any value, ready for JSON.stringify; later changes to the value do not reach it. */
  data(value) {
    this.#left = MAX_VALUES;
    this.#characters = TEXT_BOUND;
    try {
      return this.#walk(value, []);
    } catch {
      return MARKER;
    }
  }

  /** A text without the secrets that can be seen in it. */
  text(text) {
    this.#characters = TEXT_BOUND;
    try {
      return this.#text(text, []);
    } catch {
      return MARKER;
    }
  }

  #hide(secret) {
    if (this.#hashKey === "") return MARKER;
    const bare = WITH_SCHEME.exec(secret);
    const digest = createHmac("sha256", this.#hashKey).update(bare ? bare[1] : secret, "utf8").digest("hex");
    return `${MARKER.slice(0, -1)}:${digest.slice(0, HASH_LENGTH)}]`;
  }

  #hideValue(value) {
    if (typeof value === "string") return MARKED.test(value) ? value : this.#hide(value);
    return this.#hashKey === "" ? MARKER : this.#hide(JSON.stringify(value) ?? "");
  }

  #walk(value, parents, key = "") {
    switch (typeof value) {
      case "string":
        return this.#text(value, parents, key);
      case "number":
        return Number.isFinite(value) ? value : String(value);
      case "bigint":
        return value.toString();
      case "boolean":
      case "undefined":
        return value;
      case "object":
        return value === null ? null : this.#object(value, parents, key);
      default:
        return `[${typeof value}]`;
    }
  }

  #object(value, parents, key) {
    if (parents.includes(value)) return CIRCULAR;
    if (parents.length >= MAX_DEPTH) return TOO_DEEP;
    const path = [...parents, value];
    const data = plain(value);
    if (data === null || typeof data !== "object") return this.#walk(data, path, key);
    const size = Array.isArray(data) ? data.length : Object.keys(data).length;
    this.#left -= size;
    if (this.#left < 0) return TOO_MANY;
    return Array.isArray(data) ? this.#items(data, path, key) : this.#entries(data, path);
  }

  #items(data, path, key) {
    const secret = data.length > 1 ? this.#pairs(data, key) : null;
    return data.map((item, index) =>
      secret?.has(index) ? this.#hideValue(item) : (this.#walk(item, path, key) ?? null),
    );
  }

  /** Places of values whose name stands before them: `["--token", "x"]`, `["Authorization", "Basic …"]`. */
  #pairs(items, key) {
    const secret = new Set();
    if (NO_PAIRS_UNDER.has(key)) return secret;
    const flat = items.length === 2 || key.toLowerCase().endsWith("headers");
    for (let index = 1; index < items.length; index += 1) {
      const name = items[index - 1];
      if (typeof name !== "string" || !NAME.test(name) || secret.has(index - 1)) continue;
      const option = name[0] === "-";
      if (USER_OPTIONS.has(name) && String(items[index]).includes(":") && CHECKS.user(String(items[index]))) {
        secret.add(index);
        continue;
      }
      if (!option && (!flat || index % 2 === 0)) continue;
      const verdict = this.#keys.judge(name.replace(/^-+/, ""));
      const item = items[index];
      if (verdict === PLAIN || verdict === WEAK || !isSecret(item, verdict, name)) continue;
      if (typeof item === "string" && (option ? item.startsWith("-") : IDENTIFIER.test(item))) continue;
      secret.add(index);
    }
    return secret;
  }

  #entries(data, path) {
    const result = {};
    const keys = Object.keys(data);
    const named = keys.length <= 12 ? namedValue(data, (key) => this.#keys.judge(key)) : null;
    for (const key of keys) {
      const item = data[key];
      const verdict = this.#keys.judge(key);
      if ((verdict !== PLAIN && isSecret(item, verdict, key, data)) || (key === named && isSecret(item, ENDS, key))) {
        result[key] = this.#hideValue(item);
        continue;
      }
      const long = key.length >= SHORTEST_SECRET && this.#texts.suspicious(key);
      const name = long ? this.#texts.byLook(key, key.toLowerCase()) : key;
      const clean = key === "properties" && isObject(item) ? this.#properties(item, path) : this.#walk(item, path, key);
      if (clean !== undefined) result[name] = clean;
    }
    return result;
  }

  /** The `properties` of a JSON Schema: a parameter called `password` is described there, not given. */
  #properties(item, path) {
    const described = Object.keys(item).filter((key) => this.#keys.judge(key) !== PLAIN && isSchema(item[key]));
    if (described.length === 0) return this.#walk(item, path);
    const result = this.#walk(Object.fromEntries(Object.entries(item).filter(([key]) => !described.includes(key))), path);
    // In the order of the original, so that lists of tools stay comparable.
    return Object.fromEntries(
      Object.keys(item)
        .filter((key) => described.includes(key) || key in result)
        .map((key) => [key, described.includes(key) ? this.#schema(item[key], path) : result[key]]),
    );
  }

  /** A schema whose values (default, enum, examples …) go, since one of them may be the secret. */
  #schema(schema, path) {
    if (path.length >= MAX_DEPTH) return TOO_DEEP;
    const deeper = [...path, schema];
    return Object.fromEntries(
      Object.entries(schema).map(([key, item]) => {
        if (VALUES.has(key) && isSecret(item, INSIDE, key)) return [key, this.#hideValue(item)];
        if (COMBINERS.includes(key)) return [key, item.map((member) => this.#schema(member, deeper))];
        if (key === "items" && isSchema(item)) return [key, this.#schema(item, deeper)];
        if (key.startsWith("x-") && typeof item === "string" && CHECKS.mixed(item)) return [key, this.#hideValue(item)];
        return [key, this.#entries({ [key]: item }, deeper)[key]];
      }),
    );
  }

  #text(whole, parents, key) {
    const text = whole.length > this.#characters ? cut(whole, this.#characters) : whole;
    this.#characters -= text.length;
    if (text.length < SHORTEST_SECRET || !this.#texts.suspicious(text)) return text;
    if (text.length <= PARSED_LENGTH && /^[ \t\r\n]*[{[]/.test(text)) {
      const value = parseUnambiguous(text);
      if (value !== undefined) {
        const clean = this.#walk(value, [...parents, text], key);
        return JSON.stringify(clean) === JSON.stringify(value) ? text : JSON.stringify(clean);
      }
    }
    const clean = this.#texts.redact(text, key);
    if (clean === text) this.#texts.learn(text);
    return clean;
  }
}

/** The value of a JSON text; undefined when it is none, or when reading it would hide what the text still shows. */
function parseUnambiguous(text) {
  try {
    const value = JSON.parse(text);
    // A duplicate key is missing when the value is written again. Miscounting in a text's favour is harmless:
    // then it is searched as running text.
    const count = (json) => json.match(/":/g)?.length ?? 0;
    return count(JSON.stringify(value)) >= count(text.replace(/"[ \t\r\n]+:/g, '":')) ? value : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { MARKER, Redactor, hashKey };
