// Which keys hold secrets: judged from the key's name alone, whatever its case and separators.
"use strict";

const DEFAULT_FIELDS = ["password", "token", "api_key", "authorization", "secret"];

const PLAIN = 0; // no secret
const INSIDE = 1; // the key goes on after the name (token_count, passwords): numbers are no secrets
const ENDS = 2; // the key ends in the name (token, access_token): everything but null and booleans is a secret

// Names that only talk about a secret. MCP's progressToken is chosen by the caller to match notifications; the
// OAuth metadata are public, and the first thing one wants to see when authorization fails.
const HARMLESS_KEYS = new Set(["progresstoken"]);
const HARMLESS_TAILS = {
  token: new Set(["type", "types", "endpoint", "endpoints", "url", "uri", "izer", "izers", "ization"]),
  authorization: new Set(["endpoint", "endpoints", "server", "servers", "url", "uri", "serverurl"]),
};
const WORD = /[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+/g;
const CACHED_KEYS = 4096;
const JUDGED_LENGTH = 256;

/** A name without case and separators: `API-Key` and `apiKey` are both `apikey`. */
function squeeze(name) {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

function defaultIn(squeezed, name) {
  if (squeezed.endsWith(name)) return ENDS;
  const at = squeezed.lastIndexOf(name);
  if (at < 0) return PLAIN;
  return HARMLESS_TAILS[name]?.has(squeezed.slice(at + name.length)) ? PLAIN : INSIDE;
}

/**
 * Judges keys. A default name counts anywhere in a key, a configured one only as whole words of it: the default
 * names are distinctive, but a configured `ssn` must not take `className` with it.
 */
class SensitiveKeys {
  #defaults = DEFAULT_FIELDS.map(squeeze);
  #cache = new Map();
  #configured;

  constructor(fields = []) {
    this.#configured = new Set(fields.map(squeeze).filter(Boolean));
  }

  /** PLAIN, INSIDE or ENDS; what was judged before is remembered, for keys repeat. */
  judge(key) {
    let found = this.#cache.get(key);
    if (found === undefined) {
      if (this.#cache.size >= CACHED_KEYS) this.#cache.clear();
      found = this.#judge(key);
      this.#cache.set(key, found);
    }
    return found;
  }

  #judge(key) {
    const squeezed = squeeze(key);
    if (HARMLESS_KEYS.has(squeezed)) return PLAIN;
    const found = Math.max(...this.#defaults.map((name) => defaultIn(squeezed, name)));
    return this.#configured.size === 0 ? found : Math.max(found, this.#configuredIn(key, squeezed));
  }

  #configuredIn(key, squeezed) {
    if (this.#configured.has(squeezed)) return ENDS;
    const words = (key.slice(0, JUDGED_LENGTH).match(WORD) ?? []).map((word) => word.toLowerCase());
    let found = PLAIN;
    for (let start = 0; start < words.length; start += 1) {
      let run = "";
      for (let end = start; end < words.length; end += 1) {
        run += words[end];
        if (this.#configured.has(run)) found = Math.max(found, end === words.length - 1 ? ENDS : INSIDE);
        else if (run.endsWith("s") && this.#configured.has(run.slice(0, -1))) found = Math.max(found, INSIDE);
      }
    }
    return found;
  }
}

module.exports = { DEFAULT_FIELDS, ENDS, INSIDE, PLAIN, SensitiveKeys };
