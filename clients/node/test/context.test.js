"use strict";

const assert = require("node:assert/strict");
const { setTimeout: sleep } = require("node:timers/promises");
const { test } = require("node:test");
const { currentTrace, extract, inject, withTrace } = require("../lib/context");

const TRACE = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const HEX = TRACE.replaceAll("-", "");
const PARENT = `00-${HEX}-b7ad6b7169203331-01`;

test("a trace reaches across awaits, and two scopes at once stay apart", async () => {
  const seen = await Promise.all(
    ["a", "b"].map((id) => withTrace(id, async () => {
      await sleep(5);
      return currentTrace();
    })),
  );
  assert.deepEqual(seen, ["a", "b"]);
  assert.equal(currentTrace(), null);
});

test("without a trace nothing is injected, and an answer never carries one", () => {
  const request = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  assert.equal(inject(request), request);
  const answer = { jsonrpc: "2.0", id: 1, result: {} };
  assert.equal(withTrace(TRACE, () => inject(answer)), answer);
});

test("a request carries the trace in its _meta, and the original stays as it was", () => {
  const request = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x", _meta: { progressToken: 7 } } };
  const before = structuredClone(request);
  const injected = withTrace(TRACE, () => inject(request));
  assert.deepEqual(request, before);
  assert.match(injected.params._meta.traceparent, new RegExp(`^00-${HEX}-[0-9a-f]{16}-01$`));
  assert.equal(injected.params._meta.progressToken, 7);
  assert.equal(extract(injected), TRACE);
});

test("headers carry it as traceparent and X-Trace-ID", () => {
  const headers = withTrace(TRACE, () => inject({ "x-trace-id": "old", Accept: "*/*" }));
  assert.equal(headers["X-Trace-ID"], TRACE);
  assert.equal(headers.Accept, "*/*");
  assert.equal(headers["x-trace-id"], undefined);
  assert.equal(extract(headers), TRACE);
});

for (const [what, carrier, expected] of [
  ["a traceparent in _meta", { jsonrpc: "2.0", method: "m", params: { _meta: { traceparent: PARENT } } }, TRACE],
  ["headers in any case", { TraceParent: PARENT }, TRACE],
  ["Headers", new Headers({ traceparent: PARENT }), TRACE],
  ["X-Trace-ID with hyphens", { "X-Trace-ID": TRACE.toUpperCase() }, TRACE],
  ["X-Trace-ID without hyphens", { "x-trace-id": HEX }, TRACE],
  ["a later version with more fields", { traceparent: `01-${HEX}-b7ad6b7169203331-01-more` }, TRACE],
  ["more fields in version 00", { traceparent: `${PARENT}-more` }, null],
  ["version ff", { traceparent: `ff-${HEX}-b7ad6b7169203331-01` }, null],
  ["a trace of zeros", { traceparent: `00-${"0".repeat(32)}-b7ad6b7169203331-01` }, null],
  ["a span of zeros", { traceparent: `00-${HEX}-${"0".repeat(16)}-01` }, null],
  ["a message without one", { jsonrpc: "2.0", id: 1, method: "m" }, null],
  ["nothing", null, null],
  ["text", "traceparent", null],
]) {
  test(`extract: ${what}`, () => assert.equal(extract(carrier), expected));
}
