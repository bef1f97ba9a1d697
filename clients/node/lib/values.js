// Where the value ends that is written after a name: in quotes, in brackets, a header, a word, a sentence.
"use strict";

const OPENING = /[bru]{0,2}(\\{0,64})(["'`])/iy;
const BARE = /[^ \t\r\n\f\v,;&"'`<>)\]}]+(?:,(?![ \t\r\n\f\v]|[A-Za-z0-9_.-]{1,64}[:=])[^ \t\r\n\f\v,;&"'`<>)\]}]+)*/y;
const CLAUSE = /[^\r\n,;"'`<>(){}[\]]{1,512}/y;
const LINE = /[^\r\n"'`\\]+/y;
const HEADER = /(?:[^\r\n"'`\\]|"[^"\r\n]{0,4096}")+/y;
const SCHEME = /[A-Za-z][A-Za-z0-9_-]{1,31}[ \t]{1,8}(?=[^ \t\r\n\f\v,;:])/y;
const WITH_PARAMETERS = /[A-Za-z][A-Za-z0-9_-]{1,31}[ \t]{1,8}(?=[A-Za-z][A-Za-z0-9_-]{0,31}=[^= \t\r\n\f\v])/y;
const AND_SO_ON =
  /[ \t]+(?:and|for|from|in|with|at|on|to|of|by|as|is|was|were|user|when|because|via|failed|rejected|sent)(?=[ \t])|[ \t]+(?=[A-Za-z0-9_.-]{1,64}\\{0,4}["']?[ \t]{0,4}[:=])/i;
const BRACKETS = /[[\](){}]/g;
const STRUCTURE = 4096;
const ELEMENT = 4096;
const COOKIE_NAME = 256;
/** Stands for a value that goes on to the end of the text: it is not copied, for there may be many of them. */
const UNCLOSED = "[…";
const NUMBERS = /^[[({]?[0-9.,: \t-]*[\])}]?$/;
const SENTENCES = ["password", "passwd", "passphrase", "passcode", "pwd", "phrase", "secret", "key", "token", "pass"];

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** [end, value without quotes] of the value that begins at `start`; null when there is none. */
function valueAt(text, start, key, sign) {
  const opening = matchAt(OPENING, text, start);
  if (opening) return quoted(text, start, opening);
  const first = text[start];
  if (first === undefined || first === "\r" || first === "\n") return null;
  if ("[{(".includes(first)) return structure(text, start);
  const lowered = key.toLowerCase();
  if (lowered.endsWith("authorization")) return header(text, start);
  if (/cookies?$/.test(lowered) && sign.startsWith(":")) {
    const begin = matchAt(LINE, text.slice(start, start + COOKIE_NAME), 0);
    const line = begin?.[0].includes("=") ? matchAt(LINE, text, start) : null;
    if (line) return [start + line[0].length, line[0]];
  }
  if (sign.endsWith(">")) {
    const length = text.slice(start, start + ELEMENT).indexOf("<");
    if (length >= 0) return [start + length, text.slice(start, start + length)];
  }
  const bare = matchAt(BARE, text, start)?.[0];
  if (bare === undefined) return null;
  if (sign.endsWith(":") && " \t".includes(text[start - 1]) && SENTENCES.some((name) => lowered.endsWith(name))) {
    return clause(text, start, bare);
  }
  const value = bare.replace(/[.,:!?]{1,64}$/, "") || bare;
  return [start + value.length, value];
}

/** Up to the quote that closes: inside of a text that was escaped n times, one with n backslashes. */
function quoted(text, start, opening) {
  const slashes = opening[1].length;
  const begin = start + opening[0].length;
  for (let at = text.indexOf(opening[2], begin); at >= 0; at = text.indexOf(opening[2], at + 1)) {
    let before = at;
    while (before > begin && text[before - 1] === "\\") before -= 1;
    const count = at - before;
    if (slashes === 0 ? count % 2 === 0 : count <= slashes) {
      return [at + 1, text.slice(begin, slashes === 0 ? at : before)];
    }
  }
  return [text.length, text.slice(begin)];
}

/** Up to the bracket that closes; without one, or where it is far, the rest of the text. */
function structure(text, start) {
  const part = text.slice(start, start + STRUCTURE);
  let depth = 0;
  for (const bracket of part.matchAll(BRACKETS)) {
    depth += "[({".includes(bracket[0]) ? 1 : -1;
    if (depth !== 0) continue;
    const value = part.slice(0, bracket.index + 1);
    const empty = ")}".includes(bracket[0]) && /^[ .]*$/.test(value.slice(1, -1));
    return [start + value.length, NUMBERS.test(value) || empty ? "none" : value];
  }
  return [text.length, UNCLOSED];
}

/** A scheme with its credentials; those that have parameters go on to the end of the line. */
function header(text, start) {
  const line = matchAt(WITH_PARAMETERS, text, start) ? matchAt(HEADER, text, start) : null;
  if (line) return [start + line[0].length, line[0]];
  const scheme = matchAt(SCHEME, text, start)?.[0].length ?? 0;
  const after = matchAt(BARE, text, start + scheme)?.[0];
  const end = after === undefined ? start + (matchAt(BARE, text, start)?.[0].length ?? 1) : start + scheme + after.length;
  return [end, text.slice(start, end)];
}

/** `password: a hunter2`: up to where the sentence goes on with something else. */
function clause(text, start, bare) {
  const whole = matchAt(CLAUSE, text, start)?.[0].length ?? 0;
  const rest = text.slice(start + bare.length, start + Math.max(whole, bare.length));
  const more = AND_SO_ON.exec(rest);
  const end = start + bare.length + (more ? more.index : rest.length);
  const value = text.slice(start, end).replace(/[ \t.]{1,512}$/, "");
  return [start + value.length, value];
}

module.exports = { valueAt };
