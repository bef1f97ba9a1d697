// Second looks at what a pattern found: whether it is a secret, or only begins like one.
"use strict";

const PROSE_AFTER_BEARER =
  /^(?:tokens?|auth[a-z]{0,16}|schemes?|credentials?|headers?|formats?|or|and|is|was|in|error|realm|scope)(?:[.,:=]|$)/i;
const PARAMETER = /^[A-Za-z_-]{1,32}=(?:[^=]|$)/;
const CREDENTIALS = /(?:response|signature|mac|credential)=/i;

const hasDigit = (text) => /[0-9]/.test(text);

/** The bytes of a base64 text, one character each; empty when it is none. */
function decoded(text) {
  const bare = text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
  const whole = bare.slice(0, bare.length - (bare.length % 4 === 1 ? 1 : 0));
  return Buffer.from(whole, "base64").toString("latin1");
}

const CHECKS = {
  /** Random texts of some length have digits; words joined by hyphens have none. */
  digit: hasDigit,
  /** Digits and letters, or a colon, and long enough to be worth stealing. */
  mixed: (text) => text.length >= 6 && hasDigit(text) && (/[A-Za-z]/.test(text) || text.includes(":")),
  /** No word of prose, and no parameter of a challenge (`realm=`), which tells what went wrong. */
  bearer(text) {
    if (PROSE_AFTER_BEARER.test(text) || (PARAMETER.test(text) && !text.endsWith("="))) return false;
    return !/^[A-Za-z_-]{1,32}=$/.test(text) && (text.length >= 8 || hasDigit(text));
  },
  /** Base64 of `user:password`. */
  basic: (text) => decoded(text).includes(":"),
  /** Header and payload: the header names an algorithm, or both are JSON. A cursor is seldom so. */
  jwt(text) {
    const parts = text.split(".");
    if (parts.length < 2 || parts[1].length < 4) return false;
    return parts[1].startsWith("eyJ") || /"(?:alg|typ|enc)"/.test(decoded(parts[0].slice(0, 4096)));
  },
  /** The answer to a challenge; the challenge itself has no response. */
  parameters: (text) => CREDENTIALS.test(text),
  /** `user:password`, not the two numbers of `docker run -u`. */
  user: (text) => !/^[0-9]+(?::[0-9]+)?$/.test(text),
};

module.exports = { CHECKS };
