// Wall-clock time in microseconds, time-ordered ids, and their text forms.
"use strict";

const { randomBytes } = require("node:crypto");
const { performance } = require("node:perf_hooks");

// Date.now() has milliseconds only; performance.now() has microseconds but never follows a corrected clock.
const DRIFT_MS = 2;
let anchor = Date.now() - performance.now();

/** Microseconds since 1970 as a whole number. */
function nowMicros() {
  const wall = Date.now();
  const monotonic = performance.now();
  if (Math.abs(anchor + monotonic - wall) > DRIFT_MS) anchor = wall - monotonic;
  return Math.floor((anchor + monotonic) * 1000);
}

/** ISO 8601 in UTC with six digits of a second. */
function isoMicros(micros) {
  const text = new Date(Math.floor(micros / 1000)).toISOString();
  return `${text.slice(0, -1)}${String(micros % 1000).padStart(3, "0")}+00:00`;
}

/** A UUID of version 7 whose twelve bits after the version hold the part of the millisecond (RFC 9562, 6.2). */
function uuid7(micros, high, low) {
  const millis = Math.floor(micros / 1000)
    .toString(16)
    .padStart(12, "0");
  const fraction = Math.floor(((micros % 1000) * 4096) / 1000)
    .toString(16)
    .padStart(3, "0");
  const upper = (0x80000000 + high).toString(16);
  const lower = low.toString(16).padStart(8, "0");
  return `${millis.slice(0, 8)}-${millis.slice(8)}-7${fraction}-${upper.slice(0, 4)}-${upper.slice(4)}${lower}`;
}

const HIGH = 2 ** 30;
const LOW = 2 ** 32;

/**
 * Ids for the records of one instance: unique, and increasing in the order they are asked for. The free bits are a
 * random start plus the record's number; a clock that steps back does not step the ids back.
 */
class RecordIds {
  #high = randomBytes(4).readUInt32BE() % HIGH;
  #low = randomBytes(4).readUInt32BE() >>> 1;
  #last = 0;

  next(micros, seq) {
    this.#last = Math.max(this.#last, micros);
    const low = this.#low + seq;
    return uuid7(this.#last, (this.#high + Math.floor(low / LOW)) % HIGH, low % LOW);
  }
}

/** A fresh trace id: for the one component where requests enter the system, and nobody else. */
function newTraceId() {
  const random = randomBytes(8);
  return uuid7(nowMicros(), random.readUInt32BE() % HIGH, random.readUInt32BE(4));
}

module.exports = { RecordIds, isoMicros, newTraceId, nowMicros };
