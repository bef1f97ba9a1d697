// Pushes to Redis from a process that ends and has no event loop any more: a thread does it while this one waits.
"use strict";

const { join } = require("node:path");
const { isMainThread, Worker } = require("node:worker_threads");

const PUSHED = 0; // lines that Redis has
const DONE = 1;

/** How many of the lines Redis took, in their order, until the deadline. Starting the thread takes about 0.1 s. */
function pushSync(destination, lines, deadline) {
  if (!isMainThread || lines.length === 0) return 0;
  const state = new Int32Array(new SharedArrayBuffer(8));
  try {
    // Without the options and the environment of the program: its hooks are not for this thread.
    new Worker(join(__dirname, "last-push-worker.js"), {
      workerData: { destination, lines, state },
      execArgv: [],
      env: {},
      stdin: false,
    }).on("error", () => {});
    while (Atomics.load(state, DONE) === 0) {
      const left = deadline - Date.now();
      if (left <= 0) break;
      Atomics.wait(state, DONE, 0, left);
    }
  } catch {
    return 0; // no threads, or no memory
  }
  return Atomics.load(state, PUSHED);
}

module.exports = { DONE, PUSHED, pushSync };
