// A queue of entries, bounded by count and by bytes: the oldest go first, and every loss is counted.
"use strict";

class RecordBuffer {
  constructor(maxCount, maxBytes) {
    this.maxCount = maxCount;
    this.maxBytes = maxBytes;
    this.bytes = 0;
    this.items = [];
    this.head = 0;
    this.losses = new Map();
    this.lastLoss = null;
  }

  get size() {
    return this.items.length - this.head;
  }

  /** The entry that is next to leave, or undefined. */
  get oldest() {
    return this.items[this.head];
  }

  /** Append an entry {bytes, micros, component, …}; what no longer fits is counted as lost. */
  push(entry) {
    if (entry.bytes > this.maxBytes) {
      this.lose("too_large", entry);
      return;
    }
    this.items.push(entry);
    this.bytes += entry.bytes;
    while (this.items.length - this.head > this.maxCount) this.lose("buffer_full", this.#shift());
    while (this.bytes > this.maxBytes) this.lose("buffer_bytes", this.#shift());
  }

  /** Remove and return the oldest entries: at most `count`, and at most `bytes` unless the first alone is larger. */
  take(count, bytes) {
    const batch = [];
    let total = 0;
    while (this.size > 0 && batch.length < count) {
      total += this.oldest.bytes;
      if (batch.length > 0 && total > bytes) break;
      batch.push(this.#shift());
    }
    return batch;
  }

  /** Count an entry as lost, until `takeLosses` reports it. */
  lose(reason, { component, micros }) {
    let loss = this.lastLoss;
    if (loss === null || loss.reason !== reason || loss.component !== component) {
      const key = `${component} ${reason}`;
      loss = this.losses.get(key) ?? { component, reason, count: 0, from: micros, to: micros };
      this.losses.set(key, loss);
      this.lastLoss = loss;
    }
    loss.count += 1;
    loss.from = Math.min(loss.from, micros);
    loss.to = Math.max(loss.to, micros);
  }

  /** The losses since the last call: [{component, reason, count, from, to}]. */
  takeLosses() {
    const result = [...this.losses.values()];
    this.losses.clear();
    this.lastLoss = null;
    return result;
  }

  #shift() {
    const entry = this.items[this.head];
    this.items[this.head] = undefined;
    this.head += 1;
    this.bytes -= entry.bytes;
    // Compacting half-empty arrays only keeps a removal O(1) on average.
    if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return entry;
  }
}

module.exports = { RecordBuffer };
