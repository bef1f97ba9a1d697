// The logger of one component: levels, trace context, redaction and message records in front of the sender.
"use strict";

const { asUuid, currentTrace, extract, inject, withTrace } = require("./context");
const { LEVELS, rankOf } = require("./levels");
const { createRedactor, redactText } = require("./redact");
const { senderFor } = require("./sender");
const { loadSettings } = require("./settings");

const MAX_COMPONENT = 64;
const FLUSH_MS = 2000;

const complain = (text) => process.stderr.write(`godot-loglib: ${text}\n`);

class ICCMLogger {
  #settings;
  #rank;
  #redact;
  #sender;
  #complained = false;

  constructor(component, options = {}) {
    const name = component ?? process.env.GODOT_COMPONENT;
    if (typeof name !== "string" || name.length < 1 || name.length > MAX_COMPONENT) {
      throw new TypeError(`component must be a name of 1 to ${MAX_COMPONENT} characters, or GODOT_COMPONENT be set`);
    }
    this.component = name;
    this.#settings = loadSettings(options);
    for (const problem of this.#settings.problems) complain(problem);
    this.#rank = rankOf(this.#settings.level);
    this.#redact = createRedactor(this.#settings.redactFields);
    this.#sender = this.#settings.enabled ? senderFor(this.#settings) : null;
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

  inject(message) {
    return inject(message);
  }

  extract(carrier) {
    return extract(carrier);
  }

  get level() {
    return LEVELS[this.#rank];
  }

  setLevel(level) {
    const rank = rankOf(level);
    if (rank === undefined) throw new RangeError(`level must be one of ${LEVELS.join(", ")}`);
    this.#rank = rank;
  }

  /** Resolves to true once all records are in Redis or in the fallback, to false after `timeoutMs`. */
  async flush(timeoutMs = FLUSH_MS) {
    return this.#sender ? this.#sender.flush(timeoutMs) : true;
  }

  /** Flush, write what is left to the fallback, close the connection. Logging again reconnects. */
  async close(timeoutMs = FLUSH_MS) {
    return this.#sender ? this.#sender.close(timeoutMs) : true;
  }

  #message(direction, peer, payload, { transport, session, traceId } = {}) {
    if (this.#rank > 0) return;
    const text = `${direction} ${kindOf(payload)} ${direction === "sent" ? "to" : "from"} ${peer}`;
    this.#log(0, text, { mcp: { direction, peer, transport, session, payload } }, traceId);
  }

  #log(rank, message, data, traceId) {
    if (rank < this.#rank || this.#sender === null) return;
    try {
      const trace = traceId ?? currentTrace();
      const clean = data === undefined || data === null ? null : this.#redact(data);
      this.#sender.accept({
        trace_id: trace === null ? null : (asUuid(trace) ?? String(trace)),
        component: this.component,
        level: LEVELS[rank],
        message: redactText(typeof message === "string" ? message : String(message)),
        data: clean === null || (typeof clean === "object" && !Array.isArray(clean)) ? clean : { value: clean },
      });
    } catch (error) {
      if (!this.#complained) complain(`a record of ${this.component} could not be logged: ${error?.name}`);
      this.#complained = true;
    }
  }
}

/** What a person calls a message: its method, or what kind of answer it is. */
function kindOf(payload) {
  if (payload === null || typeof payload !== "object") return "text that is no JSON-RPC";
  if (Array.isArray(payload)) return "batch";
  if (typeof payload.method === "string") return payload.method;
  return payload.error === undefined ? "answer" : "error";
}

module.exports = { ICCMLogger };
