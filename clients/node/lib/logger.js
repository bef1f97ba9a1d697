// The logger of one component: levels, trace context and message records in front of the sender.
"use strict";

const { Template, readCall } = require("./call");
const { isKept } = require("./central");
const { currentTrace, extract, inject, logsAll, tracing, withTrace } = require("./context");
const { senderFor } = require("./ending");
const { freeze, frozenSize, isFreezing, printable } = require("./freeze");
const { LEVELS, rankOf } = require("./levels");
const { announce, announceOnce } = require("./output");
const { Redactor, Source } = require("./record");
const { loadSettings } = require("./settings");

const NONE = Object.freeze([]);
const CHARACTER_BYTES = 2; // in memory, at most

/** For the pino adapter: `line(logger, rank, text, source)` logs a line of another logger, which the sender reads. */
let line;
/** For the pino adapter: a source like the logger's, whose `read(text)` takes such lines apart. */
let lineSource;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

class ICCMLogger {
  #settings;
  #rank;
  #source;
  #sender;
  #central;

  constructor(component, options) {
    if (typeof component === "object" && component !== null && #source in component) {
      this.#adopt(component, options);
      return;
    }
    this.#settings = loadSettings(options, process.env, component);
    for (const problem of this.#settings.problems) announce(problem);
    this.#rank = rankOf(this.#settings.level);
    this.#source = new Source(this.#settings.component, new Redactor(this.#settings.redactFields));
    this.#sender = this.#settings.enabled ? senderFor(this.#settings) : null;
    this.#central = this.#sender?.levels.of(this.component) ?? null;
    if (this.#central !== null) this.#central.own = this.#rank;
  }

  #adopt(parent, bindings) {
    this.#settings = parent.#settings;
    this.#rank = parent.#rank;
    this.#sender = parent.#sender;
    this.#central = parent.#central;
    const { component, redactor, bindings: inherited } = parent.#source;
    this.#source = new Source(component, redactor, { ...inherited, ...bindings });
  }

  get component() {
    return this.#settings.component;
  }

  /** Which process its records name: host, pid and a nonce. */
  get instance() {
    return this.#sender?.instance ?? null;
  }

  /** The level in force: the one set centrally, else the logger's own. */
  get level() {
    return LEVELS[this.#floor];
  }

  set level(level) {
    this.setLevel(level);
  }

  trace(message, data, traceId) {
    this.#log(0, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  debug(message, data, traceId) {
    this.#log(1, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  info(message, data, traceId) {
    this.#log(2, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  log(message, data, traceId) {
    this.#log(2, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  warn(message, data, traceId) {
    this.#log(3, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  warning(message, data, traceId) {
    this.#log(3, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  error(message, data, traceId) {
    this.#log(4, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  exception(message, data, traceId) {
    this.#log(4, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  critical(message, data, traceId) {
    this.#log(4, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  fatal(message, data, traceId) {
    this.#log(4, message, data, traceId, arguments.length > 3 ? Array.prototype.slice.call(arguments, 3) : NONE);
  }

  /** A logger whose records all have these data; its level is its own from now on. */
  child(bindings, options) {
    const frozen = bindings === undefined || bindings === null ? {} : freeze(bindings);
    const child = new ICCMLogger(this, isObject(frozen) ? frozen : { value: frozen });
    const level = optionOf(options, "level");
    if (level !== undefined) child.setLevel(level);
    return child;
  }

  bind(bindings) {
    return this.child(bindings);
  }

  /** What `child` bound. */
  bindings() {
    return { ...this.#source.bindings };
  }

  /** Whether a record at this level would be logged now. */
  isLevelEnabled(level) {
    const rank = rankOf(level);
    return rank !== undefined && this.#sender !== null && (rank >= this.#floor || (tracing.any && logsAll()));
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

  extract(carrier, options) {
    return extract(carrier, optionOf(options, "create") === true);
  }

  /** Log from this level on; an unknown level changes nothing and is told once on stderr. */
  setLevel(level) {
    const rank = rankOf(level);
    if (rank === undefined) {
      announceOnce(`setLevel: not one of ${LEVELS.join(", ")}`);
      return;
    }
    this.#rank = rank;
    if (this.#central !== null) this.#central.own = rank;
  }

  /** Resolves to true once all records are in Redis or in the fallback, to false after `timeoutMs`. */
  async flush(timeoutMs) {
    return this.#sender === null ? true : this.#sender.flush(this.#patience(timeoutMs));
  }

  /** Flush, write what is left to the fallback, close the connection. Logging again reconnects. */
  async close(timeoutMs) {
    return this.#sender === null ? true : this.#sender.close(this.#patience(timeoutMs));
  }

  #patience(timeoutMs) {
    return typeof timeoutMs === "number" && timeoutMs >= 0 ? Math.min(timeoutMs, 2 ** 31 - 1) : this.#settings.exitSeconds * 1000;
  }

  get #floor() {
    const central = this.#central;
    return central === null || central.rank < 0 ? this.#rank : central.rank;
  }

  /** Whether the record passes: its level, or X-Trace-Log, and sampling. Every call counts as logging. */
  #passes(rank, traceId) {
    const sender = this.#sender;
    if (sender === null) return false;
    if (tracing.any && logsAll(traceId)) return true;
    if (rank < this.#floor) {
      if (!sender.levels.noted) sender.levels.note();
      return false;
    }
    if (rank > 0 || this.#settings.traceSample >= 1) return true;
    const trace = traceId ?? currentTrace();
    const kept = trace === null ? undefined : isKept(trace, this.#settings.traceSample);
    if (kept !== undefined) sender.levels.announceSampling(this.#central, this.#settings.traceSample);
    return kept !== false;
  }

  #message(direction, peer, message, options) {
    if (this.#sender === null || isFreezing()) return;
    try {
      const { transport, session, traceId } = options ?? NONE;
      let trace = name(traceId) ?? currentTrace();
      // What sampling is decided from: nothing else needs the message's own trace before it is sent.
      if (trace === null && this.#settings.traceSample < 1 && this.#floor === 0) trace = extract(message);
      if (!this.#passes(0, trace)) return;
      const payload = typeof message === "string" ? message : freeze(bytesAsText(message));
      const mcp = { direction, peer: printable(peer), payload, transport: name(transport), session: name(session) };
      const size = typeof message === "string" ? message.length * CHARACTER_BYTES : frozenSize();
      this.#sender.accept(0, this.#source, null, { mcp }, trace, size);
    } catch {
      this.#sender.lose(this.component, "unserialisable");
    }
  }

  #log(rank, message, data, traceId, more) {
    if (!this.#passes(rank, typeof traceId === "string" ? traceId : undefined) || isFreezing()) return;
    try {
      // The documented form, which nothing has to be looked up for.
      const plain = typeof message === "string" && more === NONE && (typeof traceId === "string" || traceId === undefined || traceId === null);
      if (plain && (data === undefined || !message.includes("%"))) {
        const frozen = data === undefined || data === null ? null : freeze(data);
        this.#sender.accept(rank, this.#source, message, frozen, traceId ?? currentTrace(), frozen === null ? 0 : frozenSize());
        return;
      }
      const call = readCallSafely(message, data, traceId, more);
      const frozen = call.data === undefined || call.data === null ? null : freeze(call.data);
      const size = (frozen === null ? 0 : frozenSize()) + (call.message instanceof Template ? 1024 : 0);
      this.#sender.accept(rank, this.#source, call.message, frozen, call.traceId ?? currentTrace(), size);
    } catch {
      this.#sender.lose(this.component, "unserialisable");
    }
  }

  static {
    line = (logger, rank, text, source) => {
      if (logger.#passes(rank)) logger.#sender.accept(rank, source, "", text, currentTrace(), text.length * CHARACTER_BYTES);
    };
    lineSource = (logger, read) => new Source(logger.component, logger.#source.redactor, null, read);
  }
}

/** What cannot even be looked at (a Proxy that throws) is data, and freezing it tells so. */
function readCallSafely(first, second, third, more) {
  try {
    return readCall(first, second, third, more);
  } catch {
    return typeof first === "string" ? { message: first, data: second } : { message: "", data: first };
  }
}

/** An option, whatever stands in for the options. */
function optionOf(options, key) {
  try {
    return options?.[key];
  } catch {
    return undefined;
  }
}

const name = (value) => (value === undefined || value === null ? undefined : printable(value));

/** A message as it came from a socket. */
function bytesAsText(message) {
  return ArrayBuffer.isView(message) ? Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString("utf8") : message;
}

module.exports = { ICCMLogger, line, lineSource };
