// Takes secrets out of running text: by the look of tokens, and by the names written before them.
"use strict";

const { DEFAULT_FIELDS, INSIDE, PLAIN } = require("./sensitive");

const MARKER = "[REDACTED]";

// Every quantifier that could start at many places is bounded: time stays linear on hostile input.
const VALUE_PATTERNS = [
  [["eyj"], /(?<![A-Za-z0-9])eyJ[\w-]{5,512}\.[\w-]{5,8192}(?:\.[\w-]*)?/g, MARKER],
  [["sk-", "sk_"], /(?<![A-Za-z0-9])sk[-_][A-Za-z0-9_-]{8,}/g, MARKER],
  [["gh"], /(?<![A-Za-z0-9])(?:gh[a-z]_|github_pat_)[A-Za-z0-9_]{16,}/g, MARKER],
  [["akia"], /(?<![A-Za-z0-9])AKIA[A-Z0-9]{16}(?![A-Za-z0-9])/g, MARKER],
  [["xox"], /(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{8,}/g, MARKER],
  [["://"], /(:\/\/[^\s/?#:@"'<>]*):(?!\[REDACTED\]@)[^\s/"'<>]*@/g, `$1:${MARKER}@`],
  [
    ["bearer"],
    // A word of prose after "bearer" is no token.
    /\b(bearer)\s{1,8}(?!\[REDACTED\])(?!(?:tokens?|auth\w{0,16}|schemes?|credentials?|headers?|formats?|or|and|is|was|in)(?![\w.~+/=-]))[A-Za-z0-9._~+/=-]+/gi,
    `$1 ${MARKER}`,
  ],
];

// What may follow `name=` or `"name":`, first the marker itself so that nothing is redacted twice. A value that
// opens a structure which is no valid JSON has no certain end: then the rest of the text goes.
const VALUE = [
  String.raw`\[REDACTED\]`,
  String.raw`\\+"(?:(?!\\+").)*(?:\\+"|$)`,
  String.raw`"(?:[^"\\]|\\.)*(?:"|\\?$)`,
  String.raw`'(?:[^'\\]|\\.)*(?:'|\\?$)`,
  String.raw`[{\[].*`,
  String.raw`(?:(?:bearer|basic|digest|token)\s{1,8})?[^\s,;&"'<>)\]}]+`,
].join("|");
const NO_SECRETS = new Set(["null", "none", "true", "false", MARKER.toLowerCase()]);
const KEY_BEFORE = /[\w.-]{0,64}$/;
const NUMBER = /^-?\d+(?:\.\d+)?$/;

/** Finds secrets in text; shares its judgement of names with the redaction of keys. */
class TextRedactor {
  #keys;
  #named;
  #stems;
  #triggers;

  constructor(keys, fields = []) {
    this.#keys = keys;
    const stems = [...DEFAULT_FIELDS, ...fields].map((name) => name.match(/[\p{L}\p{N}]+/gu)).filter(Boolean);
    const names = stems.map((words) => words.join(String.raw`[\W_]?`)).join("|");
    this.#named = new RegExp(
      String.raw`(?<name>${names})(?<rest>[\w.-]{0,64})(?<sign>\\{0,4}["']?\s{0,8}[:=]\s{0,8})(?<value>${VALUE})`,
      "gis",
    );
    this.#stems = [...new Set(stems.map((words) => words[0].toLowerCase()))];
    this.#triggers = [...new Set([...this.#stems, ...VALUE_PATTERNS.flatMap(([triggers]) => triggers), "\\u"])];
  }

  /** Whether a closer look is worth its time; never false for a text that `redact` would change. */
  suspicious(text) {
    const folded = text.toLowerCase();
    return this.#triggers.some((trigger) => folded.includes(trigger));
  }

  /** The text with every secret in it replaced by the marker. */
  redact(text) {
    const folded = text.toLowerCase();
    const named = this.#stems.some((stem) => folded.includes(stem))
      ? text.replace(this.#named, (match, ...rest) => this.#namedValue(match, rest.at(-3), text, rest.at(-1)))
      : text;
    return byLook(named, folded);
  }

  /** Like `redact`, for a text that is a key itself: only what looks like a secret goes. */
  values(text) {
    return byLook(text, text.toLowerCase());
  }

  #namedValue(match, at, text, { name, rest, sign, value }) {
    const before = KEY_BEFORE.exec(text.slice(Math.max(0, at - 64), at))[0];
    const verdict = this.#keys.judge(before + name + rest);
    const harmless = NO_SECRETS.has(value.toLowerCase()) || (verdict === INSIDE && NUMBER.test(value));
    return verdict === PLAIN || harmless ? match : name + rest + sign + MARKER;
  }
}

function byLook(text, folded) {
  let result = text;
  for (const [triggers, pattern, replacement] of VALUE_PATTERNS) {
    if (triggers.some((trigger) => folded.includes(trigger))) result = result.replace(pattern, replacement);
  }
  return result;
}

module.exports = { MARKER, TextRedactor };
