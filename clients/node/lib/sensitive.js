// Which keys hold secrets: judged from the key's name alone, whatever its case and separators.
"use strict";

const TABLE = require("./rules.json");

const PLAIN = 0; // no secret
const WEAK = 1; // a text that looks random is one (`auth`, `pass`)
const INSIDE = 2; // the key goes on after the name (token_count, passwords): numbers are no secrets
const ENDS = 3; // the key ends in the name (access_token): everything but null and booleans is a secret

const NO_LETTERS = /[\x00-/:-@[-`{-\u00bf\u2000-\u206f\u3000-\u303f]+/g;
const WORD = /[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[\u00c0-\uffff]+/g;
const CACHED_KEYS = 4096;
const JUDGED_LENGTH = 256;

const { tails: TAILS, letters: LETTERS } = TABLE.harmless;
const WHOLE_TAILS = new Set(TABLE.harmless.whole_tails);
const BEFORE_TOKEN = new Set(TABLE.harmless.before_token);
const LONG_BEFORE = TABLE.harmless.before_token.filter((word) => word.length > 5 || word === "page");

/** A name without case and separators: `API-Key` and `apiKey` are both `apikey`. */
const squeeze = (name) => name.toLowerCase().replace(NO_LETTERS, "");

/** The words of a name, as separators and capitals divide it: `creditCard` and `credit-card` have two. */
const splitWords = (name) => (name.match(WORD) ?? []).map((word) => word.toLowerCase());

function names(match) {
  const found = TABLE.keys.filter((entry) => entry.match === match).flatMap((entry) => entry.names);
  return new Set(match === "whole" ? found : found.map(squeeze));
}

const ANYWHERE = [...names("anywhere")];
const WORDS = names("word");
const AT_END = names("end");
const WEAKLY = names("weak");
const WHOLE = names("whole");

/** One of them is in every key that is not PLAIN, once it is lower case. */
const STEMS = [
  "pass", "pwd", "token", "key", "authorization", "secret", "cred", "cookie", "jwt", "sess", "sid", "otp", "cvv", "cvc",
  "mfa", "code", "bearer", "auth", "signature", "phrase", "mnemonic", "assertion", "x-amz-", "x-goog",
];

function harmlessTail(tail, name) {
  const tails = ANYWHERE.includes(name) && tail.startsWith("s") ? [tail, tail.slice(1)] : [tail];
  return tails.some((each) => WHOLE_TAILS.has(each) || TAILS.some((known) => each.startsWith(known)));
}

function anywhere(squeezed, name) {
  if (squeezed.endsWith(name)) return ENDS;
  const at = squeezed.lastIndexOf(name);
  if (at < 0) return PLAIN;
  const tail = squeezed.slice(at + name.length);
  const word = (LETTERS[name] ?? []).some((letters) => tail.startsWith(letters));
  return word || harmlessTail(tail, name) ? PLAIN : INSIDE;
}

function atEnd(run) {
  if (AT_END.has(run) || WORDS.has(run) || run.endsWith("pwd")) return ENDS;
  return WEAKLY.has(run) ? WEAK : PLAIN;
}

/** Tokens that only mark a place: of progress, of a page, of a vocabulary. */
function isCursor(squeezed, words) {
  const bare = squeezed.replace(/s$/, "");
  if (!bare.endsWith("token")) return false;
  if (["token", "tokens"].includes(words.at(-1))) return words.length > 1 && BEFORE_TOKEN.has(words.at(-2));
  const rest = bare.slice(0, -"token".length);
  return BEFORE_TOKEN.has(rest) || LONG_BEFORE.some((word) => rest.endsWith(word));
}

/**
 * Judges keys by the table, and by the names that the user configured: those count as whole words. The difference to
 * the distinctive names, which count anywhere in a key: a configured `ssn` must not take `className` with it.
 */
class SensitiveKeys {
  #cache = new Map();
  #configured;

  constructor(fields = []) {
    this.#configured = new Set(fields.map(squeeze).filter(Boolean));
  }

  /** PLAIN, WEAK, INSIDE or ENDS; what was judged before is remembered, for keys repeat. */
  judge(key) {
    let found = this.#cache.get(key);
    if (found === undefined) {
      if (this.#cache.size >= CACHED_KEYS) this.#cache.clear();
      found = this.#judge(key.slice(-JUDGED_LENGTH));
      if (key.length <= JUDGED_LENGTH) this.#cache.set(key, found);
    }
    return found;
  }

  #judge(key) {
    const squeezed = squeeze(key);
    const words = splitWords(key);
    if (squeezed === "" || isCursor(squeezed, words)) return PLAIN;
    // `sessionid` is a cookie, `sessionId` a name.
    const whole = WHOLE.has(key.toLowerCase()) && words.join(" ") !== "session id";
    if (whole || squeezed === "mcpsessionid" || this.#configured.has(squeezed)) return ENDS;
    return Math.max(atEnd(squeezed), this.#inWords(words), ...ANYWHERE.map((name) => anywhere(squeezed, name)));
  }

  /** Names that count as whole words: of the table, and the configured ones. */
  #inWords(words) {
    let found = PLAIN;
    for (let start = 0; start < words.length; start += 1) {
      let run = "";
      for (let end = start; end < Math.min(words.length, start + 6); end += 1) {
        run += words[end];
        const last = end === words.length - 1;
        if (WORDS.has(run) && (last || !harmlessTail(words.slice(end + 1).join(""), run))) {
          found = Math.max(found, last ? ENDS : INSIDE);
        }
        if (last) found = Math.max(found, atEnd(run));
        if (this.#configured.has(run)) found = Math.max(found, last ? ENDS : INSIDE);
        else if (run.endsWith("s") && this.#configured.has(run.slice(0, -1))) found = Math.max(found, INSIDE);
      }
    }
    return found;
  }
}

module.exports = { BEFORE_TOKEN, ENDS, INSIDE, PLAIN, STEMS, SensitiveKeys, TABLE, WEAK, splitWords, squeeze };
