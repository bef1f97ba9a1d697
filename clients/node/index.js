// The public names of the package, for require().
"use strict";

const { ICCMLogger } = require("./lib/logger");
const { LEVELS } = require("./lib/levels");
const { newTraceId } = require("./lib/clock");
const { currentTrace } = require("./lib/context");

module.exports = { ICCMLogger, LEVELS, currentTraceId: currentTrace, newTraceId };
