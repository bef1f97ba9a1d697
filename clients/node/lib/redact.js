// Copies log data into plain JSON without secrets: by key at any depth, and by the look of values.
"use strict";

const { COMBINERS, VALUES, isObject, isSchema } = require("./schema");
const { MARKER, TextRedactor } = require("./secret-text");
const { ENDS, PLAIN, SensitiveKeys } = require("./sensitive");

const MAX_DEPTH = 100;
const MAX_VALUES = 1_000_000;
const SHORTEST_SECRET = 7; // "sk-" and a few, "token=x"
const TOO_DEEP = "[nested too deeply]";
const TOO_MANY = `[more than ${MAX_VALUES} values]`;
const CIRCULAR = "[circular]";

function isSecret(value, verdict) {
  if (value === null || value === undefined || typeof value === "boolean") return false;
  return verdict === ENDS || !["number", "bigint"].includes(typeof value);
}

/** What JSON cannot hold, as something that it can. */
function plain(value) {
  if (value instanceof Error) return { ...value, name: value.name, message: value.message, stack: value.stack };
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return typeof value.toJSON === "function" ? value.toJSON() : value;
}

/**
 * Redacts. It never throws and fails closed: what it cannot judge (too deep, too much, an error while reading) is
 * dropped, never passed on.
 */
class Redactor {
  #keys;
  #texts;
  #left = 0;

  /** `fields`: keys to redact beside password, token, api_key, authorization and secret. */
  constructor(fields = []) {
    this.#keys = new SensitiveKeys(fields);
    this.#texts = new TextRedactor(this.#keys, fields);
  }

  /** A redacted copy of any value, ready for JSON.stringify; later changes to the value do not reach it. */
  data(value) {
    this.#left = MAX_VALUES;
    try {
      return this.#walk(value, []);
    } catch {
      return MARKER;
    }
  }

  /** A text without the secrets that can be seen in it. */
  text(text) {
    try {
      return this.#text(text, []);
    } catch {
      return MARKER;
    }
  }

  #walk(value, parents) {
    switch (typeof value) {
      case "string":
        return this.#text(value, parents);
      case "number":
        return Number.isFinite(value) ? value : String(value);
      case "bigint":
        return value.toString();
      case "boolean":
      case "undefined":
        return value;
      case "object":
        return value === null ? null : this.#object(value, parents);
      default:
        return `[${typeof value}]`;
    }
  }

  #object(value, parents) {
    if (parents.includes(value)) return CIRCULAR;
    if (parents.length >= MAX_DEPTH) return TOO_DEEP;
    const path = [...parents, value];
    const data = plain(value);
    if (data === null || typeof data !== "object") return this.#walk(data, path);
    const size = Array.isArray(data) ? data.length : Object.keys(data).length;
    this.#left -= size;
    if (this.#left < 0) return TOO_MANY;
    return Array.isArray(data) ? data.map((item) => this.#walk(item, path) ?? null) : this.#entries(data, path);
  }

  #entries(data, path) {
    const result = {};
    for (const key of Object.keys(data)) {
      const item = data[key];
      const verdict = this.#keys.judge(key);
      if (verdict !== PLAIN && isSecret(item, verdict)) {
        result[key] = MARKER;
        continue;
      }
      const name = key.length >= SHORTEST_SECRET ? this.#texts.values(key) : key;
      const clean = key === "properties" && isObject(item) ? this.#properties(item, path) : this.#walk(item, path);
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
        if (VALUES.has(key) && item !== null) return [key, MARKER];
        if (COMBINERS.includes(key)) return [key, item.map((member) => this.#schema(member, deeper))];
        if (key === "items" && isSchema(item)) return [key, this.#schema(item, deeper)];
        return [key, key === "properties" && isObject(item) ? this.#properties(item, deeper) : this.#walk(item, deeper)];
      }),
    );
  }

  #text(text, parents) {
    if (text.length < SHORTEST_SECRET || !this.#texts.suspicious(text)) return text;
    if (/^\s*[{[]/.test(text)) {
      const value = parseUnambiguous(text);
      if (value !== undefined) {
        const clean = this.#walk(value, [...parents, text]);
        return JSON.stringify(clean) === JSON.stringify(value) ? text : JSON.stringify(clean);
      }
    }
    return this.#texts.redact(text);
  }
}

/** The value of a JSON text; undefined when it is none, or when reading it would hide what the text still shows. */
function parseUnambiguous(text) {
  try {
    const value = JSON.parse(text);
    // A duplicate key is missing when the value is written again. Miscounting in a text's favour is harmless:
    // then it is searched as running text.
    const count = (json) => json.match(/":/g)?.length ?? 0;
    return count(JSON.stringify(value)) >= count(text.replace(/"\s+:/g, '":')) ? value : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { MARKER, Redactor };
