// The public names of the package, for require().
"use strict";

const { ICCMLogger } = require("./lib/logger");
const { LEVELS } = require("./lib/levels");

module.exports = { ICCMLogger, LEVELS };
