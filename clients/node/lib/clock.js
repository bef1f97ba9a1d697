// Wall-clock time in microseconds, time-ordered record ids, and their text forms.
"use strict";

const { randomFillSync } = require("node:crypto");
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

const pool = Buffer.alloc(8 * 256);
let used = pool.length;

/** A UUID of version 7 whose twelve bits after the version hold the part of the millisecond (RFC 9562, 6.2). */
function uuid7(micros) {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const millis = Math.floor(micros / 1000)
    .toString(16)
    .padStart(12, "0");
  const fraction = Math.floor(((micros % 1000) * 4096) / 1000)
    .toString(16)
    .padStart(3, "0");
  const variant = ((pool[used] & 0x3f) | 0x80).toString(16);
  const random = pool.toString("hex", used + 1, used + 8);
  used += 8;
  return `${millis.slice(0, 8)}-${millis.slice(8)}-7${fraction}-${variant}${random.slice(0, 2)}-${random.slice(2)}`;
}

module.exports = { nowMicros, isoMicros, uuid7 };
