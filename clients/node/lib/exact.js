// JSON whose numbers JavaScript would change (integers past 2^53, 1.0, 1e5): they are carried through as marked texts.
"use strict";

const { randomBytes } = require("node:crypto");

// What other code writes as a text must never become a number here.
const MARK = `\u0001${randomBytes(6).toString("hex")}:`;
const WRITTEN = new RegExp(`"${JSON.stringify(MARK).slice(1, -1).replaceAll("\\", "\\\\")}([-+.\\deE]+)"`, "g");
const MAY_CHANGE = /\d{16}|\d\.\d*0(?!\d)|\d[eE]/;
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** Like JSON.parse; a number that would not be written again as it is here becomes a text for `restore`. */
function parseExact(text) {
  const value = JSON.parse(text);
  if (!MAY_CHANGE.test(text)) return value;
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token[0] === '"' || String(Number(token)) === token ? token : JSON.stringify(MARK + token),
  );
  return marked === text ? value : JSON.parse(marked);
}

/** The JSON text with its numbers as they were. */
const restore = (json) => (json.includes("\\u0001") ? json.replace(WRITTEN, "$1") : json);
/** Whether a text stands for a number. */
const isNumber = (text) => text.startsWith(MARK);

module.exports = { isNumber, parseExact, restore };
