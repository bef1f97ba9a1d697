// The current trace: an AsyncLocalStorage scope, and its way through MCP messages and HTTP headers.
"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");
const { randomBytes } = require("node:crypto");
const { newTraceId } = require("./clock");
const { printable } = require("./freeze");

const scope = new AsyncLocalStorage();

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;
const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/;
const ZEROS = /^0+$/;
const CARRIED = ["tracestate", "baggage"];
const TRUE = new Set(["true", "1", "yes", "on"]);
const LENGTH = 8192; // of a header value worth reading
const REMEMBERED = 1000; // traces that came with more than an id

// What came along with a trace (X-Trace-Log, tracestate, baggage, flags) stays beside its id, which for callers is a
// text. A scope takes it over when it begins, so that a later request of the same trace does not change it.
const companions = new Map();
/** Whether any trace ever came with X-Trace-Log: until then a call that is filtered out costs one comparison. */
const tracing = { any: false };

function remember(traceId, companion) {
  companions.delete(traceId);
  if (companion === null) return;
  companions.set(traceId, companion);
  if (companion.logAll) tracing.any = true;
  if (companions.size > REMEMBERED) companions.delete(companions.keys().next().value);
}

/** Run `work` with `traceId` as the current trace, also across awaits; returns what `work` returns. */
function withTrace(traceId, work) {
  const id = traceId === undefined || traceId === null ? null : printable(traceId);
  const companion = companions.size === 0 || id === null ? null : (companions.get(asUuid(id) ?? id) ?? null);
  return scope.run({ id, companion }, work);
}

/** The current trace id, or null: a component never invents one. */
function currentTrace() {
  return scope.getStore()?.id ?? null;
}

/** Whether the trace (the one given, else the current one) asked to be logged at TRACE with X-Trace-Log. */
function logsAll(traceId) {
  if (traceId === undefined || traceId === null) return scope.getStore()?.companion?.logAll === true;
  return companions.get(asUuid(traceId) ?? traceId)?.logAll === true;
}

/** The canonical form of a UUID given in any case, with or without hyphens; null for anything else. */
function asUuid(value) {
  const match = typeof value === "string" ? UUID.exec(value.trim().toLowerCase()) : null;
  return match ? `${match[1]}-${match[2]}-${match[3]}-${match[4]}-${match[5]}` : null;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isMessage = (carrier) => "jsonrpc" in carrier || ("method" in carrier && "params" in carrier);
const isCollection = (carrier) => typeof carrier.get === "function" && typeof carrier.set === "function";

/**
 * A copy of an MCP message (object or JSON text), or of HTTP headers, that carries the current trace. Answers, whatever
 * cannot carry a trace, and everything outside of a trace come back as they are. Never throws.
 */
function inject(carrier) {
  try {
    const { id, companion } = scope.getStore() ?? {};
    const traceId = asUuid(id);
    if (!traceId) return carrier;
    const fields = { ...companion?.carried, traceparent: traceparent(traceId, companion?.flags ?? "01") };
    if (typeof carrier === "string") return injectText(carrier, fields, companion?.logAll);
    if (!isObject(carrier)) return carrier;
    if (!isCollection(carrier) && isMessage(carrier)) return injectMessage(carrier, fields, companion?.logAll);
    return injectHeaders(carrier, { ...fields, "X-Trace-ID": traceId, ...(companion?.logAll && { "X-Trace-Log": "true" }) });
  } catch {
    return carrier; // a message that cannot carry a trace still must be sent
  }
}

function injectMessage(message, fields, logAll) {
  const params = message.params ?? {};
  if (typeof message.method !== "string" || !isObject(params)) return message;
  const meta = isObject(params._meta) ? params._meta : {};
  const { traceparent: parent, ...carried } = fields;
  const own = Object.entries(meta).filter(([key]) => !logAll || key.toLowerCase() !== "x-trace-log");
  const all = { ...carried, ...Object.fromEntries(own), traceparent: parent, ...(logAll && { "x-trace-log": "true" }) };
  return { ...message, params: { ...params, _meta: all } };
}

function injectText(text, fields, logAll) {
  const message = JSON.parse(text);
  if (!isObject(message) || !isMessage(message)) return text;
  const changed = injectMessage(message, fields, logAll);
  return changed === message ? text : JSON.stringify(changed);
}

function injectHeaders(headers, fields) {
  if (isCollection(headers)) {
    const copy = new headers.constructor(headers); // Headers, or a Map
    for (const [name, value] of Object.entries(fields)) copy.set(name, value);
    return copy;
  }
  const ours = new Set(Object.keys(fields).map((name) => name.toLowerCase()));
  const others = Object.entries(headers).filter(([key]) => !ours.has(key.toLowerCase()));
  return { ...Object.fromEntries(others), ...fields };
}

function traceparent(traceId, flags) {
  return `00-${traceId.replaceAll("-", "")}-${randomBytes(8).toString("hex")}-${flags}`;
}

/**
 * The trace id that an MCP message (object, text or bytes) or HTTP headers carry, as a UUID, or null. A traceparent
 * wins over X-Trace-ID. What came along with it is remembered for `withTrace` and `inject`. With `create`, for the one
 * component where requests enter, what carries no trace gets a new one. Never throws.
 */
function extract(carrier, create = false) {
  try {
    const fields = fieldsOf(typeof carrier === "string" || ArrayBuffer.isView(carrier) ? JSON.parse(String(carrier)) : carrier);
    return traceOf(fields ?? (() => ""), create);
  } catch {
    return create ? newTraceId() : null;
  }
}

/** A function that finds a header or a key of `_meta` by its name in lower case; null for what has none. */
function fieldsOf(carrier) {
  if (carrier === null || typeof carrier !== "object") return null;
  if (Array.isArray(carrier)) return finder(carrier);
  if (typeof carrier.get === "function") return (name) => text(carrier.get(name));
  if (!isMessage(carrier)) return finder(Object.entries(carrier));
  const meta = carrier.params?._meta;
  return isObject(meta) ? finder(Object.entries(meta)) : null;
}

function finder(entries) {
  const found = new Map();
  for (const [key, value] of entries) if (typeof key === "string") found.set(key.toLowerCase(), value);
  return (name) => text(found.get(name));
}

function text(value) {
  const one = Array.isArray(value) ? value[0] : value;
  return typeof one === "string" && one.length <= LENGTH ? one.trim() : one === true ? "true" : "";
}

/** By W3C: version ff and ids of zeros are invalid, and version 00 has nothing after its flags. */
function traceOf(find, create) {
  const match = TRACEPARENT.exec(find("traceparent").toLowerCase());
  const valid = match && match[1] !== "ff" && !ZEROS.test(match[2]) && !ZEROS.test(match[3]) && !(match[1] === "00" && match[5]);
  const traceId = asUuid(valid ? match[2] : find("x-trace-id")) ?? (create ? newTraceId() : null);
  if (traceId === null) return null;
  const carried = Object.fromEntries(CARRIED.map((name) => [name, find(name)]).filter(([, value]) => value !== ""));
  const flags = valid ? match[4] : "01";
  const logAll = TRUE.has(find("x-trace-log").toLowerCase());
  const plain = !logAll && flags === "01" && Object.keys(carried).length === 0;
  remember(traceId, plain ? null : { flags, carried, logAll });
  return traceId;
}

module.exports = { asUuid, currentTrace, extract, inject, logsAll, tracing, withTrace };
