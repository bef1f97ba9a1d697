// The five levels, their order, and the names that are accepted for them.
"use strict";

const LEVELS = Object.freeze(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]);

const RANK = new Map(LEVELS.map((level, rank) => [level, rank]));
RANK.set("WARNING", RANK.get("WARN"));
RANK.set("NOTICE", RANK.get("INFO"));
RANK.set("CRITICAL", RANK.get("ERROR"));
RANK.set("FATAL", RANK.get("ERROR"));

/** The rank of a level name in any case, or undefined for a name that is none. */
function rankOf(name) {
  return typeof name === "string" ? RANK.get(name.trim().toUpperCase()) : undefined;
}

module.exports = { LEVELS, rankOf };
