// One round of client_node.py: single calls in a loop, timed one by one; prints median, p99, p99.9 and mean in µs.
// node benchmarks/client.mjs STATE URL COUNT FOLDER
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(new URL("../clients/node/package.json", import.meta.url));
const [state, url, count, folder] = process.argv.slice(2);
const BURST = 10; // calls between two turns of the event loop, in which senders work

const DATA = {
  request_id: "0192f0a1-2b3c-7d4e-8f50-123456789abc",
  method: "tools/call",
  tool: "gates_create_document",
  status: 200,
  duration_ms: 12.75,
  tags: ["alpha", "beta", "gamma"],
  user: { id: 4711, name: "Ada Lovelace", roles: ["admin", "author"] },
  path: "/documents/2026/plan.md",
  ok: true,
};

function godot() {
  const { ICCMLogger } = require("./index.js");
  const logger = new ICCMLogger("bench", { redisUrl: url, fallback: `file:${join(folder, state)}.jsonl`, redisTimeout: 0.2 });
  return { logger, settle: () => logger.flush(60_000) };
}

const LIBRARIES = {
  up: () => {
    const { logger, settle } = godot();
    return { log: () => logger.info("tool call finished", DATA), settle };
  },
  filtered: () => {
    const { logger, settle } = godot();
    return { log: () => logger.debug("tool call finished", DATA), settle };
  },
  pino: () => {
    const pino = require("pino");
    const logger = pino(pino.destination({ dest: join(folder, "pino.jsonl"), sync: true }));
    return { log: () => logger.info(DATA, "tool call finished") };
  },
  "pino-async": () => {
    const pino = require("pino");
    const logger = pino(pino.destination({ dest: join(folder, "pino-async.jsonl"), sync: false, minLength: 4096 }));
    return { log: () => logger.info(DATA, "tool call finished") };
  },
  winston: () => {
    const { createLogger, format, transports } = require("winston");
    const logger = createLogger({
      format: format.combine(format.timestamp(), format.json()),
      transports: [new transports.File({ filename: join(folder, "winston.jsonl") })],
    });
    // Its calls only queue, without a bound, once the file is behind: let it catch up, or that is all that is timed.
    const caughtUp = async () => {
      while (logger.writableLength > 0 || logger.readableLength > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    return { log: () => logger.info("tool call finished", DATA), caughtUp };
  },
};
LIBRARIES.refusing = LIBRARIES.hanging = LIBRARIES.up;

const { log, settle, caughtUp } = LIBRARIES[state]();
const turn = caughtUp ?? (() => new Promise((resolve) => setImmediate(resolve)));

log();
await settle?.(); // until Redis has it, or has been given up: the sender is at work in any state
for (let i = 0; i < 20_000; i += 1) {
  log();
  if (i % BURST === 0) await turn();
}
const times = new Float64Array(Number(count));
let total = 0;
for (let i = 0; i < times.length; i += 1) {
  const started = performance.now();
  log();
  times[i] = performance.now() - started;
  total += times[i];
  if (i % BURST === 0) await turn();
}
const clock = Float64Array.from({ length: 10_000 }, () => -performance.now() + performance.now()).sort()[5_000];
times.sort();
const points = [0.5, 0.99, 0.999].map((share) => times[Math.floor(times.length * share)]);
console.log(JSON.stringify([...points, total / times.length].map((each) => Math.max(0, each - clock) * 1000)));
process.kill(process.pid, "SIGKILL"); // what is left in the buffer is nobody's concern
