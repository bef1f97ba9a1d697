// What the arguments of a log call mean: the documented (message, data, traceId), and the habits of pino and console.
"use strict";

const { types } = require("node:util");
const { freeze, printable } = require("./freeze");

const SPECIFIER = /%[sdifjoOc]/g;
const NONE = [];

const isError = (value) => types.isNativeError(value) || (!types.isProxy(value) && value instanceof Error);

/** A template and its frozen arguments, to be joined by the sender. */
class Template {
  constructor(template, values) {
    this.template = template;
    this.values = values;
  }

  get length() {
    return this.template.length;
  }
}

/**
 * Read a call: {message, data, traceId}, with `data` not yet frozen. `message` is a text or a Template.
 *
 * (text, data?, traceId?)      the documented form
 * (text with %s, …values)      values are formatted; what is left over is data and traceId
 * (error, text?, …)            data.err, and the error's message without a text
 * (object, text?, …)           the object is data; without a text its own `msg`, or the message of its `err`
 * (text, error, object …)      what does not fit elsewhere is kept in data.arguments
 */
function readCall(first, second, third, more) {
  if (typeof first !== "string" && first !== null && typeof first === "object" && !types.isBoxedPrimitive(first)) {
    return readObjectCall(first, second, third, more);
  }
  const message = printable(first);
  return more.length === 0 && third === undefined && second === undefined
    ? { message, data: undefined, traceId: undefined }
    : readRest(message, [second, third, ...more]);
}

function readObjectCall(object, second, third, more) {
  const own = isError(object) ? { err: object } : object;
  if (second === undefined && third === undefined && more.length === 0) {
    return { message: messageOf(object), data: own, traceId: undefined };
  }
  if (typeof second !== "string") {
    // (error, {context}): one object of both.
    const both = isError(object) && isPlain(second) ? { ...second, err: object } : own;
    const rest = both === own ? readRest(messageOf(object), [undefined, ...trimmed([second, third, ...more])]) : readRest(messageOf(object), [undefined, third, ...more]);
    return { ...rest, data: rest.data === undefined ? both : { ...both, ...rest.data } };
  }
  const { message, data, traceId } = readRest(second, [third, ...more]);
  return { message, data: data === undefined || data === null ? own : merged(own, data), traceId };
}

function trimmed(values) {
  let { length } = values;
  while (length > 0 && values[length - 1] === undefined) length -= 1;
  return values.slice(0, length);
}

/** What (text, …values) means. */
function readRest(text, values) {
  const rest = trimmed(values);
  const specifiers = text.includes("%") ? (text.match(SPECIFIER) ?? NONE) : NONE;
  // An object for %s is not meant to be formatted: it is data, and the sign was prose.
  const formats = specifiers.length > 0 && rest.length > 0 && !(isPlain(rest[0]) && "sdif".includes(specifiers[0][1]));
  const used = formats ? Math.min(specifiers.length, rest.length) : 0;
  const message = formats ? new Template(text, rest.slice(0, used).map((value) => freeze(value))) : text;
  const [data, traceId, ...others] = rest.slice(used);
  if (others.length === 0 && (traceId === undefined || traceId === null || typeof traceId === "string")) {
    return { message, data, traceId: traceId ?? undefined };
  }
  return { message, data: merged(data, { arguments: [traceId, ...others] }), traceId: undefined };
}

/** `data` with further keys; what is no object goes under `value`, as it would alone. */
function merged(data, more) {
  if (data === undefined || data === null) return isPlain(more) ? more : { value: more };
  const one = isPlain(data) ? data : isError(data) ? { err: data } : { value: data };
  return isPlain(more) ? { ...one, ...more } : { ...one, value: more };
}

function isPlain(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value) || types.isProxy(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What an object says of itself where nobody gave a text, as in pino. */
function messageOf(object) {
  try {
    if (isError(object)) return printable(object.message);
    if (Array.isArray(object)) return "";
    if (typeof object.msg === "string") return object.msg;
    const error = object.err ?? object.error;
    return error !== undefined && error !== null && isError(error) ? printable(error.message) : "";
  } catch {
    return "";
  }
}

/** The text of a Template: as util.format does it, with JSON for objects. */
function formatted({ template, values }) {
  let next = 0;
  return template.replace(/%[sdifjoOc%]/g, (sign) => {
    if (sign === "%%") return "%";
    if (next >= values.length) return sign;
    const value = values[next++];
    switch (sign[1]) {
      case "d":
      case "f":
        return typeof value === "bigint" ? `${value}` : String(Number(asText(value)));
      case "i":
        return typeof value === "bigint" ? `${value}` : String(Number.parseInt(asText(value), 10));
      case "c":
        return ""; // CSS, for browsers
      case "s":
        return asText(value);
      default:
        return JSON.stringify(value, bigints) ?? String(value);
    }
  });
}

const bigints = (_key, value) => (typeof value === "bigint" ? value.toString() : value);

function asText(value) {
  if (value === null || typeof value !== "object") return String(value);
  // A frozen error has these three first: in a sentence its name and message are meant.
  if (typeof value.type === "string" && typeof value.stack === "string") return `${value.type}: ${value.message}`;
  return JSON.stringify(value, bigints);
}

module.exports = { Template, formatted, isError, readCall };
