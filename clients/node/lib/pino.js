// pino's records as ours: a transport (its own worker thread), and a destination in the thread of the logger.
"use strict";

const { Writable } = require("node:stream");
const { currentTrace } = require("./context");
const { LEVELS, rankOf } = require("./levels");
const { ICCMLogger, line, lineSource } = require("./logger");

// pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal; own levels lie between.
const rankOfNumber = (number) => Math.min(LEVELS.length - 1, Math.max(0, Math.ceil(number / 10) - 1));
const rankOfLevel = (level) => (typeof level === "number" ? rankOfNumber(level) : rankOf(level)) ?? LEVELS.indexOf("INFO");
// Our `instance` tells pid and host; `v` is the version of pino's old format.
const OUR_OWN = ["level", "time", "pid", "hostname", "v"];

/** Reads a line of pino: {message, data, trace?, micros?}, and `name`. */
function readLine(text, messageKey) {
  let record;
  try {
    record = JSON.parse(text);
  } catch {
    return { message: text.trimEnd(), data: null };
  }
  if (record === null || typeof record !== "object" || Array.isArray(record)) return { message: text.trimEnd(), data: null };
  const { [messageKey]: message, trace_id: traceId, ...data } = record;
  const found = { message: typeof message === "string" ? message : "", data, name: record.name };
  if (message !== undefined && typeof message !== "string") data[messageKey] = message;
  const milliseconds = typeof record.time === "number" ? record.time : Date.parse(record.time);
  if (milliseconds > 0 && milliseconds < 4e12) found.micros = Math.round(milliseconds * 1000);
  if (typeof traceId === "string") found.trace = traceId;
  for (const key of OUR_OWN) delete data[key];
  if (Object.keys(data).length === 0) found.data = null;
  return found;
}

/** The loggers behind one stream: one, or one for each `name` where no component is configured. */
class Loggers {
  #options;
  #read;
  #byName = new Map();

  constructor({ component, messageKey = "msg", ...options } = {}) {
    // What pino let through is logged, unless a level is asked for here as well.
    const level = options.level ?? process.env.GODOT_LEVEL ?? "TRACE";
    this.#options = { ...options, level };
    this.#read = (text) => readLine(text, messageKey);
    this.component = component ?? process.env.GODOT_COMPONENT;
    this.first = null;
  }

  of(text) {
    const name = this.component ?? /"name":"([^"\\]{1,64})"/.exec(text)?.[1] ?? "unknown";
    let found = this.#byName.get(name);
    if (found === undefined) {
      const logger = new ICCMLogger(name, this.#options);
      found = { logger, source: lineSource(logger, this.#read) };
      this.#byName.set(name, found);
      this.first ??= logger;
    }
    return found;
  }

  write(text, level) {
    const { logger, source } = this.of(text);
    line(logger, rankOfLevel(level ?? levelOf(text)), text, source);
  }
}

function levelOf(text) {
  const found = /^\{"level":(?:(\d+)|"([^"]*)")/.exec(text);
  if (found) return found[1] === undefined ? found[2] : Number(found[1]);
  try {
    return JSON.parse(text).level;
  } catch {
    return undefined;
  }
}

/**
 * `pino(destination({ component: "gates" }))`: records in the thread of the logger, with its current trace.
 * Takes the options of ICCMLogger, and `component` and `messageKey`.
 */
function destination(options) {
  const loggers = new Loggers(options);
  return {
    writable: true, // how pino knows it from options, as its only argument
    // pino then sets lastLevel before each write.
    [Symbol.for("pino.metadata")]: true,
    lastLevel: undefined,
    write(text) {
      loggers.write(text, this.lastLevel);
      return true;
    },
    flush: (callback) => void (loggers.first?.flush() ?? Promise.resolve(true)).then(() => callback?.()),
    flushSync() {}, // a log call of ours never waits; what is left at the end is written then
    end: () => loggers.first?.close() ?? Promise.resolve(true),
  };
}

/** `pino({ transport: { target: "godot-loglib/pino", options } })`: pino calls this in a worker thread. */
function transport(options) {
  const loggers = new Loggers(options);
  let rest = "";
  const close = () => loggers.first?.close() ?? Promise.resolve(true);
  return new Writable({
    decodeStrings: false,
    defaultEncoding: "utf8",
    write(chunk, _encoding, done) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const text of lines) if (text !== "") loggers.write(text);
      done();
    },
    final(done) {
      if (rest !== "") loggers.write(rest);
      close().then(() => done(), done);
    },
  });
}

/** For `pino({ mixin })` with the transport, whose thread knows no scope of ours: the current trace in each record. */
function mixin() {
  const traceId = currentTrace();
  return traceId === null ? {} : { trace_id: traceId };
}

module.exports = transport;
module.exports.default = transport;
module.exports.destination = destination;
module.exports.mixin = mixin;
module.exports.transport = transport;
