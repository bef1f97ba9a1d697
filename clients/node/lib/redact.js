// Takes secrets out of log data before anything leaves the process: by key and by the look of a value.
"use strict";

const MARKER = "[REDACTED]";
const UNREADABLE = "[UNREADABLE]";
const CIRCULAR = "[CIRCULAR]";
const DEFAULT_FIELDS = ["password", "token", "api_key", "authorization", "secret"];
const MAX_DEPTH = 100;

// The URL pattern keeps scheme and user, so that a log still says which system was meant.
const PATTERNS = [
  [/\b(Bearer\s+)[A-Za-z0-9._~+/=-]+/gi, `$1${MARKER}`],
  [/\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*/g, MARKER],
  [/\bsk-[A-Za-z0-9_-]{8,}/g, MARKER],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/@]+@/gi, `$1${MARKER}@`],
];
// One cheap look decides whether a text can match any of them: most log texts cannot.
const SUSPECT = /bearer|eyJ|sk-|:\/\//i;

const normalise = (key) => key.toLowerCase().replace(/[^a-z0-9]/g, "");

/** A text without the secrets that can be told by their look. */
function redactText(text) {
  if (!SUSPECT.test(text)) return text;
  return PATTERNS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}

/**
 * A function that copies any value into plain JSON data without secrets. It never throws: what it
 * cannot read becomes a marker, never the original.
 */
function createRedactor(extraFields = []) {
  const fields = new Set([...DEFAULT_FIELDS, ...extraFields].map(normalise));
  const verdicts = new Map();

  function isSecret(key) {
    let verdict = verdicts.get(key);
    if (verdict === undefined) {
      verdict = fields.has(normalise(key));
      if (verdicts.size < 10_000) verdicts.set(key, verdict);
    }
    return verdict;
  }

  function copyObject(value, parents) {
    if (parents.includes(value)) return CIRCULAR;
    if (parents.length >= MAX_DEPTH) return UNREADABLE;
    const path = [...parents, value];
    if (value instanceof Error) {
      return copy({ ...value, name: value.name, message: value.message, stack: value.stack }, path);
    }
    if (typeof value.toJSON === "function") return copy(value.toJSON(), path);
    if (Array.isArray(value)) return value.map((item) => guarded(item, path) ?? null);
    if (value instanceof Map) return copy(Object.fromEntries(value), path);
    if (value instanceof Set) return copy([...value], path);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    const result = {};
    for (const key of Object.keys(value)) {
      if (isSecret(key)) result[redactText(key)] = MARKER;
      else {
        let item;
        try {
          item = value[key];
        } catch {
          item = UNREADABLE;
        }
        const copied = guarded(item, path);
        if (copied !== undefined) result[redactText(key)] = copied;
      }
    }
    return result;
  }

  function copy(value, parents) {
    switch (typeof value) {
      case "string":
        return redactText(value);
      case "number":
        return Number.isFinite(value) ? value : String(value);
      case "boolean":
        return value;
      case "bigint":
        return value.toString();
      case "object":
        return value === null ? null : copyObject(value, parents);
      case "undefined":
        return undefined;
      default:
        return `[${typeof value}]`;
    }
  }

  function guarded(value, parents) {
    try {
      return copy(value, parents);
    } catch {
      return UNREADABLE;
    }
  }

  return (value) => guarded(value, []);
}

module.exports = { MARKER, createRedactor, redactText };
