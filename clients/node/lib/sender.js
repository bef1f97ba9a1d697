// One sender per process and destination: ships the buffer in batches, retries, falls back, and comes back.
"use strict";

const { randomBytes } = require("node:crypto");
const { hostname } = require("node:os");
const { RecordBuffer } = require("./buffer");
const { nowMicros, isoMicros, uuid7 } = require("./clock");
const { createFallback } = require("./fallback");
const { Queue } = require("./queue");

const WINDOW_MS = 20;
const BATCH = { count: 500, bytes: 1024 * 1024 };
const RETRIES = 3;
const FIRST_BACKOFF_MS = 100;

/** One line on stderr for the people who run the process: the only place where this library speaks about itself. */
const announce = (text) => process.stderr.write(`godot-loglib: ${text}\n`);
const said = new Set();

/** The same line only once in a process. */
function announceOnce(text) {
  if (!said.has(text)) announce(text);
  said.add(text);
}

const lines = (entries) => entries.map((entry) => `${entry.text}\n`).join("");
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref());

class Sender {
  #seq = 0;
  #timer = null;
  #running = null;
  #inFlight = [];
  #fallenBack = false;
  #nextTry = 0;

  constructor(settings) {
    this.instance = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
    this.buffer = new RecordBuffer(settings.bufferMax, settings.bufferBytes);
    this.queue = new Queue(settings);
    this.fallback = createFallback(settings.fallback, settings.fallbackBytes);
    this.retryMs = settings.retrySeconds * 1000;
    this.exitMs = settings.exitSeconds * 1000;
  }

  /** Finish a record with id, instance, seq and time, freeze it as text, and queue it. Returns at once. */
  accept(record) {
    const micros = nowMicros();
    this.#seq += 1;
    const finished = {
      id: uuid7(micros),
      ...record,
      event_created_at: isoMicros(micros),
      instance: this.instance,
      seq: this.#seq,
    };
    const text = JSON.stringify(finished);
    this.buffer.push({ text, bytes: Buffer.byteLength(text), micros, component: record.component });
    this.#wake();
  }

  /** Resolves to true once everything is in Redis or in the fallback, to false after `timeoutMs`. */
  async flush(timeoutMs) {
    const deadline = Date.now() + timeoutMs;
    while (this.waiting > 0) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      let timer;
      const timeout = new Promise((resolve) => {
        timer = setTimeout(resolve, left);
      });
      await Promise.race([this.#ship(), timeout]);
      clearTimeout(timer);
    }
    return true;
  }

  /** Flush, write what is left to the fallback, and let go of the connection. A later record reconnects. */
  async close(timeoutMs) {
    const flushed = await this.flush(timeoutMs);
    if (!flushed) this.writeRestSync();
    this.queue.disconnect();
    return flushed;
  }

  /** The last resort of a process that ends. */
  writeRestSync() {
    const rest = [...this.#inFlight, ...this.buffer.take(Infinity, Infinity)];
    this.#inFlight = [];
    try {
      if (rest.length > 0) this.fallback.writeSync(lines(rest));
    } catch {
      for (const entry of rest) this.buffer.lose("fallback_failed", entry);
    }
    for (const { component, reason: why, count } of this.buffer.takeLosses()) {
      announce(`${count} records of ${component} lost (${why})`);
    }
  }

  get waiting() {
    // A loss is told to Redis alone: telling it to a fallback that loses records would never end.
    const reports = this.#fallenBack ? 0 : this.buffer.losses.size;
    return this.buffer.size + this.#inFlight.length + reports;
  }

  #wake() {
    if (this.#timer || this.#running) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#ship();
    }, WINDOW_MS);
    this.#timer.unref();
  }

  #ship() {
    this.#running ??= this.#drain().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #drain() {
    while (this.waiting > 0) {
      if (!this.#fallenBack) for (const loss of this.buffer.takeLosses()) this.#report(loss);
      if (this.#inFlight.length === 0) this.#inFlight = this.buffer.take(BATCH.count, BATCH.bytes);
      const batch = this.#inFlight;
      if (!(await this.#deliver(batch))) await sleep(this.#nextTry - Date.now());
      else if (this.#inFlight === batch) this.#inFlight = [];
    }
  }

  /** Bring the batch to Redis or to the fallback; resolves to false if neither takes it, and it stays in hand. */
  async #deliver(batch) {
    if (this.#fallenBack && Date.now() < this.#nextTry) return this.#writeFallback(batch);
    const attempts = this.#fallenBack ? 1 : RETRIES + 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.queue.push(batch.map((entry) => entry.text));
        if (this.#fallenBack) announce("Redis answers again, leaving the fallback");
        this.#fallenBack = false;
        return true;
      } catch (error) {
        if (attempt < attempts) {
          await sleep(FIRST_BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
          continue;
        }
        if (!this.#fallenBack) announce(`Redis is away (${reason(error)}), logging to ${this.fallback.name}`);
        this.#fallenBack = true;
        this.#nextTry = Date.now() + this.retryMs;
        return this.#writeFallback(batch);
      }
    }
  }

  async #writeFallback(batch) {
    if (this.#inFlight !== batch) return true; // writeRestSync was faster
    try {
      await this.fallback.write(lines(batch));
      return true;
    } catch {
      return false; // switched off, disk full, broken pipe: the next attempt is at Redis again
    }
  }

  #report({ component, reason: why, count, from, to }) {
    const span = { from: isoMicros(from), to: isoMicros(to) };
    this.accept({
      trace_id: null,
      component,
      level: "WARN",
      message: `${count} record${count === 1 ? "" : "s"} lost (${why})`,
      data: { lost: { count, reason: why, ...span } },
    });
  }
}

function reason(error) {
  return error?.code || error?.errors?.[0]?.code || error?.message || String(error);
}

const senders = new Map();

/** The sender that all loggers of this process with the same destination share. */
function senderFor(settings) {
  // Name, level and fields to redact are the logger's own; whatever else differs asks for another sender.
  const { component: _name, level: _level, redactFields: _fields, problems: _problems, ...destination } = settings;
  const key = JSON.stringify(destination);
  if (!senders.has(key)) {
    if (senders.size === 0) flushAtExit();
    senders.set(key, new Sender(settings));
  }
  return senders.get(key);
}

function flushAtExit() {
  process.on("beforeExit", () => {
    for (const sender of senders.values()) if (sender.waiting > 0) void sender.close(sender.exitMs);
  });
  process.on("exit", () => {
    for (const sender of senders.values()) sender.writeRestSync();
  });
}

module.exports = { Sender, announce, announceOnce, senderFor };
