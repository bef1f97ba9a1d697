// Where the secrets of addresses stand in a text: `scheme://user:password@host`, `https://token@host`.
"use strict";

const SCHEME = /[A-Za-z][A-Za-z0-9+.-]{0,31}$/;
const END = /[ \t\r\n\f\v\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\x1c-\x1f"'<>`]/g;
const PORT = /^[0-9]{1,5}(?:[/?#),;\]}.\\]|$)/;
const WEB = new Set(["http", "https", "ws", "wss", "git+https", "git+http"]);

/** Start, end and rule of each, from left to right. */
function secretsOf(text) {
  const found = [];
  for (let at = text.indexOf("://"); at >= 0; ) {
    const start = at + 3;
    const following = text.indexOf("://", start);
    const part = text.slice(start, following < 0 ? undefined : following);
    const blank = part.search(END);
    const secret = secretOf(text, at, blank < 0 ? part : part.slice(0, blank));
    if (secret) found.push([start + secret[0], start + secret[1]]);
    at = following;
  }
  return found;
}

function secretOf(text, at, part) {
  const user = /^[^/?#:@]*/.exec(part)[0].length;
  if (part[user] === ":") {
    if (PORT.test(part.slice(user + 1, user + 8))) return null;
    const last = lastAt(part, user + 1);
    return last <= user + 1 ? null : [user + 1, last];
  }
  if (part[user] !== "@") return null;
  const scheme = SCHEME.exec(text.slice(Math.max(0, at - 32), at));
  const token = part.slice(0, user);
  if (!scheme || !WEB.has(scheme[0].toLowerCase()) || token.includes("%40")) return null;
  return (token.length >= 8 && /[0-9]/.test(token)) || token.length >= 20 ? [0, user] : null;
}

/** The @ before the host: the last one, unless that is in the parameters. */
function lastAt(part, start) {
  const query = part.indexOf("?", start);
  const before = query < 0 ? -1 : part.slice(0, query).lastIndexOf("@");
  if (before >= start) return before;
  const last = part.lastIndexOf("@");
  return last >= start ? last : -1;
}

module.exports = { secretsOf };
