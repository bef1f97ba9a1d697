// The thread of last-push.js.
"use strict";

const { workerData } = require("node:worker_threads");
const { DONE, PUSHED } = require("./last-push");
const { Queue } = require("./queue");

const COUNT = 500;
const BYTES = 1024 * 1024;

async function pushAll({ destination, lines, state }) {
  const queue = new Queue(destination);
  for (let at = 0; at < lines.length; ) {
    let bytes = 0;
    let end = at;
    while (end < lines.length && end - at < COUNT && (end === at || bytes + lines[end].length <= BYTES)) bytes += lines[end++].length;
    await queue.push(lines.slice(at, end).map((line) => Buffer.from(line.buffer, line.byteOffset, line.length - 1)));
    at = end;
    Atomics.store(state, PUSHED, at);
  }
  queue.disconnect();
}

pushAll(workerData)
  .catch(() => {}) // the other thread knows how many went
  .finally(() => {
    Atomics.store(workerData.state, DONE, 1);
    Atomics.notify(workerData.state, DONE);
  });
