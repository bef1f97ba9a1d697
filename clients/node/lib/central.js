// Levels that were set centrally (`godot level set`), by component, and the sampling of traces: what is logged
// beside the logger's own level. The rules are those of clients/wire/README.md.
"use strict";

const { announceOnce } = require("./output");
const { LEVELS } = require("./levels");

const LOGGING_MS = 500;
const IDLE_MS = 30_000;
const HOUR_MS = 3_600_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What all loggers of one component in one sender share. A rank of -1 is no central level. */
class ComponentLevel {
  rank = -1;
  expiresAt = null; // the text of the entry
  own = LEVELS.indexOf("INFO");
  timer = null;
  sampledAt = -Infinity;

  constructor(component) {
    this.component = component;
  }
}

class CentralLevels {
  #states = new Map();
  #read;
  #log;
  #timer = null;
  #due = Infinity;
  #lastLook = -Infinity;
  #looking = false;
  /** False from the time of a look until the next call: the first call after it asks for another. */
  noted = false;

  /** `read(components)` resolves to their entries or throws; `log(component, message, data)` writes at INFO. */
  constructor(read, log) {
    this.#read = read;
    this.#log = log;
  }

  of(component) {
    let state = this.#states.get(component);
    if (state === undefined) this.#states.set(component, (state = new ComponentLevel(component)));
    return state;
  }

  /** A call was made, filtered out or not: look soon. */
  note() {
    this.noted = true;
    this.#schedule(Math.max(0, this.#lastLook + LOGGING_MS - Date.now()));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#due = Infinity;
    this.noted = false;
  }

  /** The announcement that a component samples its traces: at first, and every hour. */
  announceSampling(state, rate) {
    const now = Date.now();
    if (now - state.sampledAt < HOUR_MS) return;
    state.sampledAt = now;
    const percent = Number((rate * 100).toPrecision(6));
    this.#log(state.component, `TRACE sampling: ${percent} % of traces are kept`, { trace_sample: { rate } });
  }

  #schedule(ms) {
    const due = Date.now() + ms;
    if (this.#timer !== null && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#due = Infinity;
      void this.#look();
    }, ms).unref();
  }

  async #look() {
    if (this.#looking) return;
    this.#looking = true;
    this.#lastLook = Date.now();
    this.noted = false;
    try {
      const components = [...this.#states.keys()];
      const entries = await this.#read(components);
      if (entries !== null) components.forEach((component, i) => this.#apply(this.#states.get(component), entries[i]));
    } catch {
      // Redis is away: what was read last stays in force
    }
    this.#looking = false;
    if (this.noted) this.note();
    else this.#schedule(IDLE_MS);
  }

  #apply(state, entry) {
    const { rank, expiresAt } = parseEntry(entry, state.component);
    if (rank === state.rank && expiresAt === state.expiresAt) return;
    this.#change(state, rank, expiresAt);
  }

  #change(state, rank, expiresAt) {
    clearTimeout(state.timer);
    const inForce = (one) => LEVELS[one === -1 ? state.own : one];
    const [before, level] = [inForce(state.rank), inForce(rank)];
    Object.assign(state, { rank, expiresAt, timer: null });
    if (expiresAt !== null) this.#expire(state);
    if (rank === -1 && level === before) return;
    const until = expiresAt === null ? "" : ` until ${expiresAt}`;
    this.#log(state.component, rank === -1 ? `own level ${level} again` : `level ${level} set centrally${until}`, {
      log_level: { level, own: LEVELS[state.own], expires_at: expiresAt },
    });
  }

  #expire(state) {
    const left = Date.parse(state.expiresAt) - Date.now();
    state.timer = setTimeout(
      () => (left > LONGEST_TIMER_MS ? this.#expire(state) : this.#change(state, -1, null)),
      Math.min(Math.max(left, 0), LONGEST_TIMER_MS),
    ).unref();
  }
}

const NONE = { rank: -1, expiresAt: null };

/** An entry of the hash; one that cannot be used, or that has ended, is as none. */
function parseEntry(entry, component) {
  if (entry === null || entry === undefined) return NONE;
  try {
    const { level, expires_at: expiresAt } = JSON.parse(entry);
    const rank = LEVELS.indexOf(level);
    const ends = expiresAt === null || expiresAt === undefined;
    if (rank >= 0 && (ends || (TIME.test(expiresAt) && Date.parse(expiresAt) > 0))) {
      if (ends) return { rank, expiresAt: null };
      return Date.parse(expiresAt) > Date.now() ? { rank, expiresAt } : NONE;
    }
  } catch {
    // no JSON, or no object
  }
  announceOnce(`the central level of ${component} cannot be used`);
  return NONE;
}

const BITS = 2 ** 52;
const DIGITS = /^[0-9a-f]{32}$/;

/**
 * Whether a trace is kept at this rate: decided from the 52 bits before the last digit of its id, so that all
 * components decide alike. Undefined for an id that is none.
 */
function isKept(traceId, rate) {
  const digits = String(traceId).replaceAll("-", "").toLowerCase();
  if (!DIGITS.test(digits)) return undefined;
  return Number.parseInt(digits.slice(-14, -1), 16) >= Math.floor((1 - rate) * BITS);
}

module.exports = { CentralLevels, isKept };
