// Freezes what a log call was given: a bounded, plain copy, so that later changes do not reach the record.
// Redaction, formatting and JSON are the sender's work; this copy is all that a caller waits for.
"use strict";

const { isUtf8 } = require("node:buffer");
const { types } = require("node:util");

const DEPTH = 200; // the wire contract stores no more
const VALUES = 100_000;
const BYTES = 64 * 1024; // of a buffer that is copied as text
const TOO_DEEP = `[nested deeper than ${DEPTH} levels]`;
const TOO_MANY = `[more than ${VALUES} values]`;
const CIRCULAR = "[circular]";
const UNREADABLE = "[unreadable]";
const PER_VALUE = 16; // bytes in memory beside the text of a key or value, a rough figure

const ABORT = new Error("not a plain value"); // one object: making an error costs more than the copy

// The state of one freeze. A getter or toJSON of the application may log, and so come back here: that call is
// refused (`busy`), or an object that logs itself when it is read would never end.
let left = 0;
let size = 0;
let busy = false;

/**
 * A plain copy of any value: objects, arrays, texts, numbers, booleans, null, undefined, bigint. Errors keep type,
 * message, stack and cause. Never throws. `frozenSize()` is the size in memory of what was frozen last.
 */
function freeze(value) {
  busy = true;
  left = VALUES;
  size = 0;
  try {
    return fast(value, 0);
  } catch {
    // A cycle, great depth, or code of the application that threw: once more, with care.
    left = VALUES;
    size = 0;
    return attempt(() => careful(value, []), UNREADABLE);
  } finally {
    busy = false;
  }
}

const frozenSize = () => size;
/** Whether this call comes from inside of a freeze. */
const isFreezing = () => busy;

function fast(value, depth) {
  switch (typeof value) {
    case "string":
      size += value.length;
      return value;
    case "object":
      return value === null ? null : object(value, depth);
    case "symbol":
      return String(value);
    case "function":
      return "[function]";
    default:
      return value;
  }
}

function object(value, depth) {
  if (depth >= DEPTH) throw ABORT;
  if (Array.isArray(value)) return array(value, depth);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    const plain = plainOf(value);
    if (plain !== value) return plain === null || typeof plain !== "object" ? fast(plain, depth) : object(plain, depth + 1);
  }
  // Spreading is four times as fast as JSON.stringify, and as copying key by key.
  const copy = { ...value };
  for (const key in copy) {
    size += key.length + PER_VALUE;
    if ((left -= 1) < 0) throw ABORT;
    const item = copy[key];
    switch (typeof item) {
      case "string":
        size += item.length;
        break;
      case "object":
        if (item !== null) copy[key] = object(item, depth + 1);
        break;
      case "function":
        if (key === "toJSON") return fast(value.toJSON(), depth + 1);
        copy[key] = "[function]";
        break;
      case "symbol":
        copy[key] = String(item);
        break;
      default:
    }
  }
  return copy;
}

function array(value, depth) {
  const { length } = value;
  if ((left -= length) < 0) throw ABORT;
  size += PER_VALUE * length;
  const copy = new Array(length);
  for (let i = 0; i < length; i += 1) copy[i] = fast(value[i], depth + 1);
  return copy;
}

/** What JSON cannot hold, as something that it can; an object without such a form as it is. */
function plainOf(value) {
  if (types.isNativeError(value) || (!types.isProxy(value) && value instanceof Error)) return ofError(value);
  if (value instanceof Map) return ofEntries(value);
  if (value instanceof Set) return [...head(value)];
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return ofBytes(value);
  if (types.isBoxedPrimitive(value)) return value.valueOf();
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (types.isRegExp(value)) return String(value);
  if (typeof value.toJSON === "function") return value.toJSON();
  // By its tag, since naming the class Headers would load what it stands in.
  const tag = value[Symbol.toStringTag];
  return tag === "Headers" || tag === "URLSearchParams" || tag === "FormData" ? ofEntries(value) : value;
}

function* head(values) {
  let count = VALUES;
  for (const value of values) {
    if (count === 0) return void (yield TOO_MANY);
    count -= 1;
    yield value;
  }
}

function ofEntries(entries) {
  const result = {};
  for (const entry of head(entries)) {
    if (entry === TOO_MANY) break;
    const [key, value] = entry;
    define(result, typeof key === "object" && key !== null ? JSON.stringify(careful(key, [])) : String(key), value);
  }
  return result;
}

/** As an own property even if the key is `__proto__`. */
function define(target, key, value) {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

function ofError(error) {
  const { name, message, stack, cause, errors } = error;
  const type = typeof name === "string" && name !== "Error" ? name : (error.constructor?.name ?? "Error");
  const result = { type, message, stack, ...error };
  if (cause !== undefined) result.cause = cause;
  if (Array.isArray(errors)) result.errors = errors;
  return result;
}

/** Text where the bytes are text; their number otherwise. */
function ofBytes(value) {
  if (value.byteLength > BYTES || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return types.isUint8Array(value) && isUtf8(bytes) ? bytes.toString("utf8") : `[${value.byteLength} bytes]`;
}

/** The same with every step guarded: one property that cannot be read costs itself alone. */
function careful(value, path) {
  if (value === null || typeof value !== "object") return fast(value, 0);
  if (path.includes(value)) return CIRCULAR;
  if (path.length >= DEPTH) return TOO_DEEP;
  const deeper = [...path, value];
  try {
    if (Array.isArray(value)) return carefulItems(value, deeper);
    const prototype = Object.getPrototypeOf(value);
    const special = prototype !== null && (prototype !== Object.prototype || typeof value.toJSON === "function");
    const plain = special ? attempt(() => plainOf(value), value) : value;
    if (plain !== value && (plain === null || typeof plain !== "object" || Array.isArray(plain))) {
      return careful(plain, deeper);
    }
    return carefulEntries(plain, deeper);
  } catch {
    return UNREADABLE;
  }
}

function carefulItems(value, path) {
  const result = [];
  const { length } = value;
  for (let i = 0; i < length; i += 1) {
    if ((left -= 1) < 0) {
      result.push(TOO_MANY);
      break;
    }
    size += PER_VALUE;
    result.push(attempt(() => careful(value[i], path), UNREADABLE));
  }
  return result;
}

function carefulEntries(value, path) {
  const result = {};
  for (const key of Object.keys(value)) {
    size += key.length + PER_VALUE;
    if ((left -= 1) < 0) {
      define(result, "…", TOO_MANY);
      break;
    }
    define(result, key, attempt(() => careful(value[key], path), UNREADABLE));
  }
  return result;
}

function attempt(work, otherwise) {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** The text of anything, also of what refuses to be printed. */
function printable(value) {
  if (typeof value === "string") return value;
  return attempt(() => String(value), `[unprintable ${typeof value}]`);
}

module.exports = { freeze, frozenSize, isFreezing, printable };
