// The logger of one component: levels, trace context, redaction and message records in front of the sender.
"use strict";

const { asUuid, currentTrace, extract, inject, withTrace } = require("./context");
const { LEVELS, rankOf } = require("./levels");
const { Redactor } = require("./redact");
const { announce, announceOnce, senderFor } = require("./sender");
const { loadSettings } = require("./settings");

const TRACE_LENGTH = 200; // of a trace id that is none: enough to recognise it in the daemon's mark

class ICCMLogger {
  #settings;
  #rank;
  #redactor;
  #sender;
  #complained = false;

  constructor(component, options = {}) {
    this.#settings = loadSettings({ ...options, component });
    for (const problem of this.#settings.problems) announce(problem);
    this.#rank = rankOf(this.#settings.level);
    this.#redactor = new Redactor(this.#settings.redactFields);
    this.#sender = this.#settings.enabled ? senderFor(this.#settings) : null;
  }

  get component() {
    return this.#settings.component;
  }

  /** Which process its records name: host, pid and a nonce. */
  get instance() {
    return this.#sender?.instance ?? null;
  }

  get level() {
    return LEVELS[this.#rank];
  }

  trace(message, data, traceId) {
    this.#log(0, message, data, traceId);
  }

  debug(message, data, traceId) {
    this.#log(1, message, data, traceId);
  }

  info(message, data, traceId) {
    this.#log(2, message, data, traceId);
  }

  warn(message, data, traceId) {
    this.#log(3, message, data, traceId);
  }

  error(message, data, traceId) {
    this.#log(4, message, data, traceId);
  }

  /** Record a JSON-RPC message that this component sends to `peer`, verbatim but redacted, at TRACE. */
  sent(peer, message, options) {
    this.#message("sent", peer, message, options);
  }

  /** Record a JSON-RPC message, or the text that was none, that this component received from `peer`. */
  received(peer, message, options) {
    this.#message("received", peer, message, options);
  }

  /** Run `work` under a trace; records and injected messages within it, also after awaits, belong to it. */
  traceContext(traceId, work) {
    return withTrace(traceId, work);
  }

  inject(carrier) {
    return inject(carrier);
  }

  extract(carrier) {
    return extract(carrier);
  }

  /** Log from this level on; an unknown level changes nothing and is told once on stderr. */
  setLevel(level) {
    const rank = rankOf(level);
    if (rank === undefined) announceOnce(`setLevel: not one of ${LEVELS.join(", ")}`);
    else this.#rank = rank;
  }

  /** Resolves to true once all records are in Redis or in the fallback, to false after `timeoutMs`. */
  async flush(timeoutMs = this.#settings.exitSeconds * 1000) {
    return this.#sender ? this.#sender.flush(timeoutMs) : true;
  }

  /** Flush, write what is left to the fallback, close the connection. Logging again reconnects. */
  async close(timeoutMs = this.#settings.exitSeconds * 1000) {
    return this.#sender ? this.#sender.close(timeoutMs) : true;
  }

  #message(direction, peer, message, { transport, session, traceId } = {}) {
    if (this.#rank > 0) return;
    const payload = readable(message);
    const text = `${direction} ${kindOf(payload)} ${direction === "sent" ? "to" : "from"} ${peer}`;
    const trace = traceId ?? currentTrace() ?? extract(payload);
    this.#log(0, text, { mcp: { direction, peer: String(peer), transport, session, payload } }, trace);
  }

  #log(rank, message, data, traceId) {
    if (rank < this.#rank || this.#sender === null) return;
    try {
      const trace = traceId ?? currentTrace();
      const clean = data === undefined || data === null ? null : this.#redactor.data(data);
      this.#sender.accept({
        trace_id: trace === null ? null : (asUuid(trace) ?? String(trace).slice(0, TRACE_LENGTH)),
        component: this.component,
        level: LEVELS[rank],
        message: this.#redactor.text(typeof message === "string" ? message : String(message)),
        data: clean === null || (typeof clean === "object" && !Array.isArray(clean)) ? clean : { value: clean },
      });
    } catch (error) {
      if (!this.#complained) announce(`a record of ${this.component} could not be logged: ${error?.name}`);
      this.#complained = true;
    }
  }
}

/** The message as JSON where it is that, else the text as it was read. */
function readable(message) {
  if (typeof message !== "string") return message ?? "";
  try {
    const value = JSON.parse(message);
    return value !== null && typeof value === "object" ? value : message;
  } catch {
    return message;
  }
}

/** What a person calls a message: its method, or what kind of answer it is. */
function kindOf(payload) {
  if (typeof payload !== "object") return "text that is no JSON-RPC";
  if (Array.isArray(payload)) return `batch of ${payload.length}`;
  if (typeof payload.method === "string") return payload.method;
  return payload.error === undefined || payload.error === null ? "answer" : "error";
}

module.exports = { ICCMLogger };
