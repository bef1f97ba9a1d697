// The current trace: an AsyncLocalStorage scope, and its way through MCP messages and HTTP headers.
"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");
const { randomBytes } = require("node:crypto");

const scope = new AsyncLocalStorage();

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/;

/** Run `work` with `traceId` as the current trace, also across awaits; returns what `work` returns. */
function withTrace(traceId, work) {
  return scope.run(traceId ?? null, work);
}

/** The current trace id, or null: a component never invents one. */
function currentTrace() {
  return scope.getStore() ?? null;
}

/** The canonical form of a UUID given in any case, with or without hyphens; null for anything else. */
function asUuid(value) {
  const match = typeof value === "string" ? UUID.exec(value.trim().toLowerCase()) : null;
  return match ? match.slice(1).join("-") : null;
}

function traceparent(traceId) {
  return `00-${traceId.replaceAll("-", "")}-${randomBytes(8).toString("hex")}-01`;
}

/** By W3C: version ff and ids of zeros are invalid, and version 00 has nothing after its flags. */
function traceOfParent(value) {
  const match = typeof value === "string" ? TRACEPARENT.exec(value.trim().toLowerCase()) : null;
  if (!match || match[1] === "ff" || /^0+$/.test(match[2]) || /^0+$/.test(match[3])) return null;
  return match[1] === "00" && match[4] ? null : asUuid(match[2]);
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isMessage = (carrier) => "jsonrpc" in carrier || ("method" in carrier && "params" in carrier);

/**
 * A copy of an MCP message, or of plain HTTP headers, that carries the current trace. Answers, whatever cannot carry
 * a trace, and everything outside of a trace come back as they are.
 */
function inject(carrier) {
  const traceId = asUuid(currentTrace());
  if (!traceId || !isObject(carrier)) return carrier;
  if (!isMessage(carrier)) {
    const others = Object.entries(carrier).filter(([key]) => !["traceparent", "x-trace-id"].includes(key.toLowerCase()));
    return { ...Object.fromEntries(others), traceparent: traceparent(traceId), "X-Trace-ID": traceId };
  }
  const params = carrier.params ?? {};
  if (typeof carrier.method !== "string" || !isObject(params)) return carrier;
  const meta = isObject(params._meta) ? params._meta : {};
  return { ...carrier, params: { ...params, _meta: { ...meta, traceparent: traceparent(traceId) } } };
}

/** The trace id that an MCP message or HTTP headers carry, as a UUID, or null. A traceparent wins over X-Trace-ID. */
function extract(carrier) {
  if (!isObject(carrier)) return null;
  const fields = isMessage(carrier) ? carrier.params?._meta : carrier;
  if (!isObject(fields)) return null;
  const find = (name) => {
    if (typeof fields.get === "function") return fields.get(name);
    const key = Object.keys(fields).find((candidate) => candidate.toLowerCase() === name);
    return Array.isArray(fields[key]) ? fields[key][0] : fields[key];
  };
  return traceOfParent(find("traceparent")) ?? asUuid(find("x-trace-id"));
}

module.exports = { withTrace, currentTrace, asUuid, inject, extract };
