// Makes the wire record of a log call: redacted, as one line of JSON. See clients/wire.
"use strict";

const { formatted } = require("./call");
const { RecordIds, isoMicros } = require("./clock");
const { asUuid, extract } = require("./context");
const { parseExact, restore } = require("./exact");
const { LEVELS } = require("./levels");
const { PayloadPolicy, parsePolicy } = require("./payload");
const { Redactor } = require("./redact");

const TRACE_LENGTH = 200; // of a trace id that is none: enough to recognise it in the daemon's mark
const WARN = LEVELS.indexOf("WARN");

/** What all records of one logger share: their component, their redactor, and what `child` bound. */
class Source {
  /** `read(text)`: for entries whose data is a line of another logger, to be taken apart by the sender. */
  constructor(component, redactor, bindings = null, read = null) {
    Object.assign(this, { component, redactor, bindings, read });
  }
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Turns entries into lines; one for each instance, since it gives the ids. */
class Encoder {
  #ids = new RecordIds();
  #instance;
  #policy;

  constructor(instance, { payloads = "full", payloadBytes = Infinity }) {
    this.#instance = JSON.stringify(instance);
    this.#policy = new PayloadPolicy(parsePolicy(payloads), payloadBytes);
  }

  /**
   * The line of an entry {seq, micros, rank, source, message, data, trace, bytes}. Encode once, send as often as
   * needed: the id is made here. A message record has no `message`: it follows from the payload.
   */
  line(entry) {
    const { source } = entry;
    let { message, data, trace, micros } = entry;
    if (source.read !== null) ({ message, data, trace, micros } = { trace, micros, ...source.read(data) });
    if (message === null) ({ message, trace } = completeMessage(data.mcp, trace));
    const text = source.redactor.text(typeof message === "string" ? message : formatted(message));
    let clean = data === null || data === undefined ? null : source.redactor.data(data);
    if (clean === undefined) clean = null;
    if (clean !== null && !isObject(clean)) clean = { value: clean };
    if (source.bindings !== null) clean = { ...source.redactor.data(source.bindings), ...clean };
    // Escapes make JSON at most six times as long as the text it holds.
    if (entry.message === null && source.read === null && isObject(clean.mcp)) clean.mcp = this.#policy.apply(clean.mcp, entry.bytes * 6);
    return this.#line(entry, source.component, LEVELS[entry.rank], text, traceText(trace, source.redactor), clean, micros);
  }

  /** The loss record that reports what will never come. */
  loss({ component, reason, count, from, to }, seq, micros) {
    const text = `${count} record${count === 1 ? "" : "s"} lost (${reason})`;
    const lost = { count, reason, from: isoMicros(from), to: isoMicros(to) };
    return this.#line({ seq, micros }, component, LEVELS[WARN], text, null, { lost }, micros);
  }

  #line({ seq, micros }, component, level, message, trace, data, at) {
    return Buffer.from(
      `{"id":"${this.#ids.next(micros, seq)}","trace_id":${JSON.stringify(trace)},"component":${JSON.stringify(component)},` +
        `"level":"${level}","message":${JSON.stringify(message)},"data":${data === null ? "null" : restore(JSON.stringify(data))},` +
        `"event_created_at":"${isoMicros(at)}","instance":${this.#instance},"seq":${seq}}\n`,
    );
  }
}

function traceText(trace, redactor) {
  if (trace === null || trace === undefined) return null;
  return asUuid(trace) ?? redactor.text(String(trace).slice(0, TRACE_LENGTH));
}

/** Complete `mcp` in place; the record's text, and its trace: the current one, else the message's. */
function completeMessage(mcp, trace) {
  mcp.payload = readable(mcp.payload);
  const { direction, peer, payload } = mcp;
  const text = `${direction} ${kindOf(payload)} ${direction === "sent" ? "to" : "from"} ${peer}`;
  return { message: text, trace: trace ?? (isObject(payload) ? extract(payload) : null) };
}

/** The message as JSON where it is that, else the text as it was read; also where JSON would hide a part of it. */
function readable(payload) {
  if (typeof payload !== "string") return payload !== null && typeof payload === "object" ? payload : String(payload ?? "");
  if (!/^\s*[{[]/.test(payload)) return payload;
  try {
    const value = parseExact(payload);
    return hasTwins(payload, value) ? payload : value;
  } catch {
    return payload;
  }
}

const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g;

/** Whether an object of the text names a key twice: the value has only the last of them. */
function hasTwins(text, value) {
  let named = 0;
  for (const [, colon] of text.matchAll(STRING)) if (colon !== undefined) named += 1;
  const count = (part) => {
    if (part === null || typeof part !== "object") return 0;
    if (Array.isArray(part)) return part.reduce((sum, item) => sum + count(item), 0);
    return Object.keys(part).reduce((sum, key) => sum + 1 + count(part[key]), 0);
  };
  return named !== count(value);
}

/** What a person calls a message: its method, or what kind of answer it is. */
function kindOf(payload) {
  if (typeof payload !== "object") return "text that is no JSON-RPC";
  if (Array.isArray(payload)) return `batch of ${payload.length}`;
  if (typeof payload.method === "string") return payload.method;
  return payload.error === undefined || payload.error === null ? "answer" : "error";
}

module.exports = { Encoder, Redactor, Source };
