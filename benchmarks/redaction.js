// Redacts the JSON array on stdin, for benchmarks/redaction.py.
"use strict";

const { readFileSync } = require("node:fs");
const { Redactor } = require("../clients/node/lib/redact");

const redactor = new Redactor([], { key: "" });
const redact = (value) => (typeof value === "string" ? redactor.text(value) : redactor.data(value));
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(redact)));
