// The current trace: an AsyncLocalStorage scope, and its way through MCP messages and HTTP headers.
"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");
const { randomBytes } = require("node:crypto");

const scope = new AsyncLocalStorage();

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?$/;
const HEX = /^[0-9a-f]{32}$/;
const DASHED = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Run `work` with `traceId` as the current trace, also across awaits; returns what `work` returns. */
function withTrace(traceId, work) {
  return scope.run(traceId ?? null, work);
}

/** The current trace id, or null: a component never invents one. */
function currentTrace() {
  return scope.getStore() ?? null;
}

/** The dashed form of a UUID given with or without dashes, or null for anything else. */
function asUuid(value) {
  if (typeof value !== "string") return null;
  const text = value.trim().toLowerCase();
  if (DASHED.test(text)) return text;
  if (!HEX.test(text)) return null;
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

/** A W3C traceparent for a trace id, with a fresh span id. */
function traceparent(traceId) {
  return `00-${traceId.replaceAll("-", "")}-${randomBytes(8).toString("hex")}-01`;
}

function traceOfParent(value) {
  const match = typeof value === "string" ? TRACEPARENT.exec(value.trim().toLowerCase()) : null;
  if (!match || match[1] === "ff" || /^0+$/.test(match[2]) || /^0+$/.test(match[3])) return null;
  return asUuid(match[2]);
}

/** The message with the current trace in `params._meta`; unchanged without a trace or where it does not fit. */
function inject(message) {
  const traceId = asUuid(currentTrace());
  if (!traceId || typeof message?.method !== "string") return message;
  const params = message.params ?? {};
  if (typeof params !== "object" || Array.isArray(params)) return message;
  return { ...message, params: { ...params, _meta: { ...params._meta, traceparent: traceparent(traceId) } } };
}

function header(headers, name) {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined;
  const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
  return Array.isArray(headers[key]) ? headers[key][0] : headers[key];
}

/** The trace id that an MCP message or HTTP headers carry, as a UUID, or null. */
function extract(carrier) {
  if (carrier === null || typeof carrier !== "object") return null;
  const meta = carrier.params?._meta ?? carrier._meta;
  if (meta && typeof meta === "object") return traceOfParent(meta.traceparent);
  return traceOfParent(header(carrier, "traceparent")) ?? asUuid(header(carrier, "x-trace-id"));
}

module.exports = { withTrace, currentTrace, asUuid, inject, extract };
