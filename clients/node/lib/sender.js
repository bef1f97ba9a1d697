// One sender per process and destination: ships the buffer in batches, retries, falls back, and comes back.
"use strict";

const { randomBytes } = require("node:crypto");
const { hostname } = require("node:os");
const { RecordBuffer } = require("./buffer");
const { CentralLevels } = require("./central");
const { nowMicros } = require("./clock");
const { createFallback } = require("./fallback");
const { LEVELS } = require("./levels");
const { pushSync } = require("./last-push");
const { announce } = require("./output");
const { Queue } = require("./queue");
const { Encoder, Redactor, Source } = require("./record");

const WINDOW_MS = 20;
const BATCH = { count: 500, bytes: 1024 * 1024 };
const ALL = { count: Infinity, bytes: Infinity };
const LAST_LINES = 200; // written in one go at the end: the deadline is looked at between them
const SLICE_MS = 5; // of redaction and JSON in one go: then the application's own work has its turn
const RETRIES = 3;
const FIRST_BACKOFF_MS = 100;
const FALLBACK_PATIENCE_MS = 1000; // for a reader that takes nothing, before Redis is tried again
const OVERHEAD = 256; // bytes of an entry beside its message and data
const FLUSH_SHARE = 0.75; // of the time to end: the rest is for the fallback
const ENCODE_SHARE = 0.5; // of the time of an end without an event loop
const INFO = LEVELS.indexOf("INFO");

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref());
const immediate = () => new Promise((resolve) => setImmediate(resolve));

class Sender {
  #seq = 0;
  #timer = null;
  #running = null;
  #batch = null; // {entries, lines}: encoded so far; it stays in hand until somebody has it
  #reports = 0; // loss records in hand
  #fallenBack = false;
  #hurry = false;
  #nextTry = 0;
  #onBatch = new Set(); // flushes that wait
  #encoder;
  #settings;

  constructor(settings) {
    this.instance = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
    this.buffer = new RecordBuffer(settings.bufferMax, settings.bufferBytes);
    this.queue = new Queue(settings);
    this.fallback = createFallback(settings.fallback, settings.fallbackBytes, (component, micros) => {
      this.buffer.lose("fallback_full", { component, micros });
    });
    this.retryMs = settings.retrySeconds * 1000;
    this.exitMs = settings.exitSeconds * 1000;
    this.#settings = settings;
    this.#encoder = new Encoder(this.instance, settings);
    this.levels = new CentralLevels(
      (components) => (this.#fallenBack && Date.now() < this.#nextTry ? null : this.queue.levels(components)),
      (component, message, data) => this.accept(INFO, new Source(component, new Redactor()), message, data, null, 0),
    );
  }

  /** Queue a record: what is passed must be frozen already, `size` is the memory of `data`. Returns at once. */
  accept(rank, source, message, data, trace, size) {
    const entry = {
      seq: (this.#seq += 1),
      micros: nowMicros(),
      rank,
      source,
      component: source.component,
      message,
      data,
      trace,
      bytes: OVERHEAD + size + (message === null ? 0 : message.length),
    };
    this.buffer.push(entry);
    if (this.#timer === null && this.#running === null) this.#wake();
    if (!this.levels.noted) this.levels.note();
  }

  /** Count a call as lost that could not be made a record. */
  lose(component, reason) {
    this.buffer.lose(reason, { component, micros: nowMicros() });
    this.#wake();
  }

  /** Resolves to true once everything logged so far is in Redis or in the fallback, to false after `timeoutMs`. */
  async flush(timeoutMs) {
    const goal = this.#seq;
    const deadline = Date.now() + timeoutMs;
    const open = () => this.waiting > 0 && !(this.#oldest > goal);
    while (open()) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#onBatch.delete(look);
          resolve();
        };
        // After each batch: a program that logs without pause keeps the sender from ever being done.
        const look = () => open() || done();
        const timer = setTimeout(done, left);
        this.#onBatch.add(look);
        void this.#ship().then(done);
      });
    }
    return true;
  }

  /** Flush, write what is left to the fallback, and let go of the connection. A later record reconnects. */
  async close(timeoutMs) {
    const deadline = Date.now() + timeoutMs;
    const flushUntil = Date.now() + timeoutMs * FLUSH_SHARE;
    this.#hurry = true; // one attempt at Redis instead of several
    let flushed = await this.flush(timeoutMs * FLUSH_SHARE);
    // What was logged meanwhile; a program that never pauses does not keep this from ending.
    for (let i = 0; flushed && this.waiting > 0 && i < 3; i += 1) flushed = await this.flush(flushUntil - Date.now());
    this.#hurry = false;
    if (!flushed) this.writeRest(deadline);
    this.levels.stop();
    this.queue.disconnect();
    return flushed;
  }

  /**
   * The last resort of a process that ends, synchronously and until the deadline: everything to Redis, if that
   * answered so far, else to the fallback.
   */
  writeRest(deadline, toRedis = false) {
    if (this.buffer.size > 0 && this.#batch !== null) this.#batch.entries.push(...this.buffer.take(Infinity, Infinity));
    const batch = this.#takeBatch(ALL);
    const started = Date.now();
    const share = (part) => started + (deadline - started) * part;
    try {
      while (batch !== null && batch.entries.length > 0 && Date.now() < share(ENCODE_SHARE)) this.#encodeNext(batch);
      if (batch !== null && toRedis && !this.#fallenBack) this.#drop(batch, pushSync(this.#settings, batch.lines, share(FLUSH_SHARE)));
      while (batch !== null && batch.lines.length > 0 && Date.now() < deadline) {
        const lines = batch.lines.slice(0, LAST_LINES);
        const out = this.fallback.writeSync(lines, deadline);
        this.#drop(batch, out);
        if (out < lines.length) break;
      }
    } catch {
      // the fallback cannot be written
    }
    this.#giveUp(deadline);
  }

  /** The first lines of a batch have arrived somewhere. */
  #drop(batch, count) {
    batch.lines = batch.lines.slice(count);
    batch.of = batch.of.slice(count);
  }

  /** Count what is left as lost, and tell it: in the fallback where that takes one more line, else on stderr. */
  #giveUp(deadline) {
    const rest = [...(this.#batch?.of ?? []), ...(this.#batch?.entries ?? []), ...this.buffer.take(Infinity, Infinity)];
    this.#batch = null;
    this.#reports = 0;
    for (const entry of rest) {
      if (entry.lost) for (let i = 0; i < entry.lost.count; i += 1) this.buffer.lose(entry.lost.reason, entry);
      else this.buffer.lose("fallback_failed", entry);
    }
    for (const loss of this.buffer.takeLosses()) {
      let told = false;
      try {
        const line = this.#encoder.loss(loss, (this.#seq += 1), nowMicros());
        told = this.fallback.writeSync([line], Math.min(deadline, Date.now() + 50)) === 1;
      } catch {
        // then on stderr alone
      }
      if (!told || rest.length > 0) announce(`${loss.count} records of ${loss.component} lost (${loss.reason})`);
    }
  }

  get waiting() {
    // A loss is reported to Redis alone: reporting it to a fallback that loses records would never end.
    const reports = this.#fallenBack ? 0 : this.buffer.losses.size;
    const inHand = this.#batch === null ? 0 : this.#batch.entries.length + this.#batch.lines.length;
    return this.buffer.size + inHand + reports;
  }

  /** The number of the oldest record that nobody has yet; NaN where only losses are left to report. */
  get #oldest() {
    const batch = this.#batch;
    return (batch?.of[0] ?? batch?.entries[0] ?? this.buffer.oldest)?.seq ?? Number.NaN;
  }

  #wake() {
    if (this.#timer !== null || this.#running !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#ship();
    }, WINDOW_MS);
    this.#timer.unref();
  }

  #ship() {
    this.#running ??= this.#drain()
      .catch((error) => announce(`the sender stopped and starts again (${error?.name})`))
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  async #drain() {
    while (this.waiting > 0) {
      const batch = this.#takeBatch(BATCH);
      await this.#encode(batch);
      if (this.#batch !== batch) continue; // the process ends: writeRest was faster
      const delivered = await this.#deliver(batch);
      if (this.#batch !== batch) continue;
      if (delivered) {
        this.#batch = null;
        for (const look of this.#onBatch) look();
      } else await sleep(this.#nextTry - Date.now());
    }
    for (const look of this.#onBatch) look();
  }

  /** The batch in hand, or the next one; null when there is none. Losses are reported before what came after them. */
  #takeBatch({ count, bytes }) {
    if (this.#batch !== null) return this.#batch;
    const losses = this.#fallenBack ? [] : this.buffer.takeLosses();
    const entries = this.buffer.take(count, bytes);
    const reports = losses.map((lost) => ({
      seq: (this.#seq += 1),
      micros: nowMicros(),
      component: lost.component,
      lost,
    }));
    if (entries.length + reports.length === 0) return null;
    // `of` are the entries of the lines, one for one; `entries` those still to be encoded.
    this.#batch = { entries: [...reports, ...entries], lines: [], of: [] };
    return this.#batch;
  }

  async #encode(batch) {
    let until = performance.now() + SLICE_MS;
    while (batch.entries.length > 0 && this.#batch === batch) {
      this.#encodeNext(batch);
      if (performance.now() > until) {
        await immediate();
        until = performance.now() + SLICE_MS;
      }
    }
  }

  #encodeNext(batch) {
    const entry = batch.entries.shift();
    try {
      batch.lines.push(entry.lost ? this.#encoder.loss(entry.lost, entry.seq, entry.micros) : this.#encoder.line(entry));
      batch.of.push(entry);
    } catch {
      this.buffer.lose("unserialisable", entry); // one record must not cost the others
    }
  }

  /** Bring the batch to Redis or to the fallback; resolves to false if neither takes it, and it stays in hand. */
  async #deliver(batch) {
    if (batch.lines.length === 0) return true;
    if (this.#fallenBack && Date.now() < this.#nextTry) return this.#writeFallback(batch);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.queue.push(batch.lines.map((line) => line.subarray(0, -1)));
        if (this.#fallenBack) announce("Redis answers again, leaving the fallback");
        this.#fallenBack = false;
        return true;
      } catch (error) {
        if (this.#batch !== batch) return false;
        if (!this.#fallenBack && !this.#hurry && attempt <= RETRIES) {
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
    if (this.#batch !== batch) return true;
    try {
      await this.fallback.append(batch.lines, Math.min(FALLBACK_PATIENCE_MS, this.retryMs), (count) => {
        this.#drop(batch, count);
        return this.#batch === batch;
      });
      return batch.lines.length === 0;
    } catch {
      return false; // switched off, disk full, broken pipe: the next attempt is at Redis again
    }
  }
}

function reason(error) {
  return error?.code || error?.errors?.[0]?.code || error?.message || String(error);
}

module.exports = { Sender };
