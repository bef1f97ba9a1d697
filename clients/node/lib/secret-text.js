// Takes secrets out of running text: by the look of tokens, and by the names written before them.
//
// Everything here is linear in the length of the text. No expression can begin at many places and run far from each:
// what follows a name is found by `indexOf` and by classes that are consumed as a whole.
"use strict";

const { secretsOf } = require("./addresses");
const { CHECKS } = require("./checks");
const { BEFORE_TOKEN, INSIDE, PLAIN, STEMS, TABLE, WEAK, splitWords, squeeze } = require("./sensitive");
const { valueAt } = require("./values");

const MARKER = TABLE.marker;
const MARKED = /^\[REDACTED(?::[0-9a-f]{4,16})?\]$/;
const MARKED_HERE = /\[REDACTED(?::[0-9a-f]{4,16})?\]/y;
const HARMLESS_VALUES = new Set(TABLE.harmless.values);
const LOGINS = new Set(TABLE.harmless.logins);
const PROSE = new Set(TABLE.harmless.words);
const CURSORS = new Set(TABLE.harmless.cursors);
const NAME_LENGTH = 96;
const LOOK_BACK = 256;
const SENTENCE = 1024;
const CACHED_TEXTS = 4096;
const CACHED_LENGTH = 64;

const NAME = String.raw`[A-Za-z0-9_.\-\u00c0-\uffff]`;
// Where a name ends and its value begins: `name=`, `"name":`, `name => `, `<name>`; `'name', 'value'`; `name is value`.
// Names are consumed as a whole, and only from their beginning: that is what keeps it linear.
const SIGN = new RegExp(
  String.raw`(?<!${NAME})(${NAME}{2,})((?:\[[0-9]{0,8}\])?(?:[\\"'${"`"}\]]{0,10}|%2[27])[ \t]{0,8})([:=]{1,2}>?|-?>|%3[AaDd])[ \t]{0,8}`,
  "g",
);
const COMMA = /["'],[ \t]{0,4}(?=[bru]?\\{0,8}["'])/g;
// `the password is hunter2`, `API key provided: hunter2`, `token "hunter2" rejected`: only what looks random.
const SAID =
  /(?:password|passwd|passphrase|passcode|token|secret|key|pwd)[ \t]{1,4}(?:(?:is|was|provided|for [^ \r\n]{1,32}|\([^)\r\n]{1,32}\))[: \t]{1,4})?(?=["'`]?[^ \t\r\n"'`]{0,64}?[0-9])/gi;
// YAML: the value on a line of its own.
const NEXT_LINE = /([|>]?[+-]?[ \t]{0,8}\r?\n(?:[ \t]{1,32}(?:- )?|- ))([^ \t\r\n\f\v:][^\r\n:]{0,255})(?=\r?\n|$)/y;
const PLACEHOLDER = String.raw`["'${"`"}]?(?:[A-Za-z]{2,16}[ \t]{1,4})?(?:\$\{\{?[^}\r\n]{1,64}\}|\$[A-Z_][A-Z0-9_]{0,64}(?![A-Za-z0-9_])|<[A-Za-z_ -]{1,64}>|\{\{?[A-Za-z_. ]{1,64}\}|%[A-Z_]{2,64}%|process\.env|os\.environ|os\.getenv)`;
const PLACEHOLDER_HERE = new RegExp(PLACEHOLDER, "y");
const IS_PLACEHOLDER = new RegExp(`^(?:${PLACEHOLDER})$`);
const OPTION = /(?<![A-Za-z0-9_-])--?([A-Za-z][A-Za-z0-9_-]{1,63})[ \t]{1,4}(?=[^ \t\r\n-])/g;
const RUN_BEFORE = new RegExp(`${NAME}{1,${NAME_LENGTH}}$`);
const WORDS_BEFORE = /(?:[A-Za-z]{1,16}[ ]){1,2}$/;
const WORD_BEFORE = /([A-Za-z]{1,16}) $/;
const LAST_OF_TWO = ["key", "keys", "phrase", "code", "id", "string"];
const NAMED_BEFORE =
  /(?:name|key|header|field|param|variable)(?:\\{0,8}["'])?[ \t]{0,4}[:=][ \t]{0,4}\\{0,8}["']([^"'\\]{1,96})\\{0,8}["'][ \t]{0,4},?[ \t\r\n]{0,8}\\{0,8}["']?$/i;
const ESCAPED = /\\u00([2-7][0-9a-fA-F])/g;
const NUMBER = /^-?[0-9]+(?:\.[0-9]+)?$/;
const COUNTED = /token|count|limit|length|size|budget/i;
const IDENTIFIER = /^[A-Za-z][A-Za-z_-]*$/;
const PATH = /^(?:\/|~|\.{1,2}\/|[A-Za-z]:[\\/])/;
const QUERY = new RegExp(
  String.raw`([?&;](?:${TABLE.query.names.join("|")})=)([^& \t\r\n\f\v"'<>#\\]+)`,
  "gi",
);
const BLOCK = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const BLOCK_END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;

const VALUE_RULES = TABLE.values.map((entry) => ({
  jwt: entry.rule === "jwt",
  triggers: entry.triggers,
  pattern: new RegExp(entry.pattern, `g${entry.flags ?? ""}`),
  check: entry.check === undefined ? null : CHECKS[entry.check],
}));

const isUpper = (value) => value === value.toUpperCase() && value !== value.toLowerCase();

/** `token_count: 7`: a number under a name that counts; `password2: 123456` is none. */
const isCount = (name, value) => NUMBER.test(value) && COUNTED.test(name);

/** Finds secrets in text; shares its judgement of names with the redaction of keys. `hide` makes the replacement. */
class TextRedactor {
  #keys;
  #hide;
  #stems;
  #triggers;
  #goOn;
  #clean = new Set();

  constructor(keys, hide, fields = []) {
    this.#keys = keys;
    this.#hide = hide;
    const own = fields.map(splitWords).filter((words) => words.length > 0);
    this.#stems = [...new Set([...STEMS, ...own.map((words) => words[0])])];
    const several = own.filter((words) => words.length > 1).map((words) => words.at(-1));
    this.#goOn = new Set([...LAST_OF_TWO, ...several]);
    const looks = VALUE_RULES.flatMap(({ triggers }) => triggers);
    this.#triggers = [...new Set([...this.#stems, ...looks, "://", "\\u00", "?sig=", "&sig=", "&key="])];
  }

  /** Whether a closer look is worth its time; never false for a text that `redact` would change. */
  suspicious(text) {
    if (this.#clean.has(text)) return false;
    const folded = text.toLowerCase();
    if (this.#triggers.some((trigger) => folded.includes(trigger))) return true;
    this.learn(text);
    return false;
  }

  /** Remember a short text as one without secrets: the same ones come again and again. */
  learn(text) {
    if (text.length > CACHED_LENGTH) return;
    if (this.#clean.size >= CACHED_TEXTS) this.#clean.clear();
    this.#clean.add(text);
  }

  /** The text with every secret in it replaced; `key` is what it stands under. */
  redact(text, key = "") {
    const folded = text.toLowerCase();
    let result = folded.includes("private key") ? this.#blocks(text) : text;
    if (folded.includes("\\u00") || this.#stems.some((stem) => folded.includes(stem))) {
      result = this.#pass(result, SIGN, (at, match) => this.#signed(at, match));
      if (/["'],/.test(result)) result = this.#pass(result, COMMA, (at, match) => this.#named(at, match));
      result = this.#pass(result, SAID, (at, match) => this.#said(at, match));
      if (result.includes("-")) result = this.#pass(result, OPTION, (at, match) => this.#option(at, match));
    }
    return this.byLook(result, folded, CURSORS.has(key.toLowerCase().replaceAll("_", "")));
  }

  /** Only what looks like a secret goes, whatever is written before it. */
  byLook(text, folded, cursor = false) {
    let result = text;
    for (const { triggers, pattern, check, jwt } of VALUE_RULES) {
      if ((cursor && jwt) || !triggers.some((trigger) => folded.includes(trigger))) continue;
      result = this.#pass(result, pattern, (_, match) => {
        if (match[2] === undefined || (check && !check(match[2]))) return null;
        const start = match.index + match[1].length;
        return [start, start + match[2].length];
      });
    }
    if (folded.includes("://")) result = this.#replace(result, secretsOf(result));
    if ((folded.includes("?") || folded.includes("&")) && folded.includes("=")) {
      result = this.#pass(result, QUERY, (_, match) => {
        const value = match[2];
        if (MARKED.test(value) || !(CHECKS.mixed(value) || value.length >= 24)) return null;
        return [match.index + match[1].length, match.index + match[0].length];
      });
    }
    return result;
  }

  /** Replace what `found` makes of each match, from left to right. */
  #pass(text, pattern, found) {
    const pieces = [];
    let done = 0;
    pattern.lastIndex = 0;
    for (;;) {
      // `found` may use the same expression for another text: its place is kept here.
      const match = pattern.exec(text);
      if (match === null) break;
      const next = Math.max(pattern.lastIndex, match.index + 1);
      const span = found(text, match);
      pattern.lastIndex = next;
      if (!span) continue;
      pieces.push(text.slice(done, span[0]), this.#hide(text.slice(span[0], span[1])));
      done = span[1];
      pattern.lastIndex = Math.max(done, span[0] + 1);
    }
    return pieces.length === 0 ? text : pieces.join("") + text.slice(done);
  }

  #replace(text, spans) {
    const pieces = [];
    let done = 0;
    for (const [start, end] of spans) {
      const secret = text.slice(start, end);
      if (MARKED.test(secret)) continue;
      pieces.push(text.slice(done, start), this.#hide(secret));
      done = end;
    }
    return pieces.length === 0 ? text : pieces.join("") + text.slice(done);
  }

  #signed(text, match) {
    const key = match[1];
    const lowered = key.toLowerCase();
    const goesOn = this.#goOn.has(lowered) || lowered === "value" || lowered === "val";
    if (this.#keys.judge(key) === PLAIN && !goesOn && !key.includes("u00")) return null;
    const before = text.slice(Math.max(0, match.index - NAME_LENGTH), match.index);
    const at = match.index + match[1].length + match[2].length;
    return this.#ofName(text, at, match.index + match[0].length, match[3], key.slice(-NAME_LENGTH), before);
  }

  #named(text, match) {
    const at = match.index;
    const before = text.slice(Math.max(0, at - NAME_LENGTH - 16), at).replace(/\\{1,128}$/, "");
    const key = RUN_BEFORE.exec(before)?.[0];
    if (key === undefined) return null;
    const sign = match[0].replace(/^["' \t]+|["' \t]+$/g, "");
    return this.#ofName(text, at, at + match[0].length, sign, key, before.slice(0, before.length - key.length));
  }

  #said(text, match) {
    const at = match.index + match[0].search(/[ \t]/);
    const before = text.slice(Math.max(0, at - NAME_LENGTH - 16), at);
    const key = RUN_BEFORE.exec(before)?.[0] ?? "";
    const end = match.index + match[0].length;
    return this.#ofName(text, at, end, "is", key, before.slice(0, before.length - key.length));
  }

  /** The value from `start` on, if the name that ends before `at` makes a secret of it. */
  #ofName(text, at, start, sign, name, before) {
    if (sign === ">" && !["<", ":"].includes(before.at(-1))) return null;
    let key = name;
    if (key.includes("u00")) {
      const plain = (before + key).replace(ESCAPED, (_, code) => String.fromCharCode(parseInt(code, 16)));
      key = RUN_BEFORE.exec(plain)?.[0] ?? key;
    }
    if (this.#keys.judge(key) === PLAIN) key = this.#longer(text, at, key, before);
    const verdict = this.#keys.judge(key);
    if (verdict === PLAIN || (sign === "is" && verdict <= INSIDE)) return null;
    // arn:aws:…:secret:name
    if (sign === ":" && before.endsWith(":") && ![" ", undefined].includes(text[at + 1])) return null;
    const word = WORD_BEFORE.exec(before);
    // `Unexpected token: }`
    if (word && BEFORE_TOKEN.has(word[1].toLowerCase()) && /^tokens?$/i.test(key)) return null;
    return this.#value(text, start, key, verdict, sign);
  }

  /** `secret access key`; and of `"name": "DB_PASSWORD", "value":` the name. */
  #longer(text, at, key, before) {
    const lowered = key.toLowerCase();
    const words = this.#goOn.has(lowered) ? WORDS_BEFORE.exec(before) : null;
    if (words) return words[0] + key;
    if (lowered === "value" || lowered === "val") {
      const left = text.slice(Math.max(0, at - LOOK_BACK), at).trimEnd().replace(/["']{1,4}$/, "").replace(/\\{1,64}$/, "");
      const named = NAMED_BEFORE.exec(left.endsWith(key) ? left.slice(0, left.length - key.length) : left);
      if (named) return named[1];
    }
    return key;
  }

  #value(text, start, key, verdict, sign) {
    MARKED_HERE.lastIndex = start;
    if (MARKED_HERE.test(text)) return null;
    PLACEHOLDER_HERE.lastIndex = start;
    if (PLACEHOLDER_HERE.test(text)) return null;
    if (key.toLowerCase().endsWith("pwd") && PATH.test(text.slice(start, start + 4))) return null;
    if (sign === ":") {
      NEXT_LINE.lastIndex = start;
      const line = NEXT_LINE.exec(text);
      if (line) return [start + line[1].length, start + line[0].length];
    }
    // What stays is passed again: it must not be long.
    const short = verdict === WEAK || sign === "is";
    const offset = short ? Math.max(0, start - 1) : 0;
    const part = short ? text.slice(offset, start + LOOK_BACK) : text;
    const found = valueAt(part, start - offset, key, sign);
    if (found === null) return null;
    const [length, value] = found;
    const end = length + offset;
    const bare = value.toLowerCase().replace(/^[.!?,; \t]{1,64}|[.!?,; \t]{1,64}$/g, "");
    if (HARMLESS_VALUES.has(bare) || MARKED.test(value)) return null;
    if (sign === "is" || verdict === WEAK) {
      if (!CHECKS.mixed(value) || LOGINS.has(bare)) return null;
    } else if (verdict === INSIDE && isCount(key, value)) return null;
    if (isProse(value) || (verdict === INSIDE && NUMBER.test(value.split(" ", 1)[0]))) return null;
    if (isUpper(value) && squeeze(value) === squeeze(key)) return null; // --token=TOKEN
    if (sign === "," && IDENTIFIER.test(value)) return null;
    return [start, end];
  }

  #option(text, match) {
    const [whole, name] = match;
    const start = match.index + whole.length;
    const verdict = this.#keys.judge(name);
    MARKED_HERE.lastIndex = start;
    if (verdict === PLAIN || verdict === WEAK || MARKED_HERE.test(text)) return null;
    PLACEHOLDER_HERE.lastIndex = start;
    if (PLACEHOLDER_HERE.test(text)) return null;
    const found = valueAt(text, start, name, "=");
    if (found === null) return null;
    const [end, value] = found;
    if ((verdict === INSIDE && isCount(name, value)) || PROSE.has(value.toLowerCase())) return null;
    // `--token TOKEN` in a usage
    return isUpper(value) && IDENTIFIER.test(value) ? null : [start, end];
  }

  #blocks(text) {
    const pieces = [];
    let done = 0;
    for (;;) {
      BLOCK.lastIndex = done;
      const begin = BLOCK.exec(text);
      if (begin === null) break;
      const from = begin.index + begin[0].length;
      BLOCK_END.lastIndex = from;
      const end = BLOCK_END.exec(text)?.index ?? text.length;
      const body = text.slice(from, end);
      pieces.push(text.slice(done, from), MARKED.test(body) ? body : this.#hide(body));
      done = end;
    }
    return pieces.length === 0 ? text : pieces.join("") + text.slice(done);
  }
}

/** `must be at least 8 characters`: a sentence about a secret, not one. */
function isProse(value) {
  if (value.length > SENTENCE) return false; // and then it goes, so that it is looked at once
  const [first, ...rest] = value.split(" ");
  const word = first.toLowerCase().replace(/^[.,:;!?()]{1,64}|[.,:;!?()]{1,64}$/g, "");
  return PROSE.has(word) && !rest.some((each) => CHECKS.mixed(each));
}

module.exports = { HARMLESS_VALUES, IS_PLACEHOLDER, LOGINS, MARKED, MARKER, TextRedactor, isCount };
