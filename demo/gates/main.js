// Starts Gates: listens for MCP over WebSocket, says where on stdout, stops when told or when its starter is gone.
import { parseArgs } from "node:util";
import { ICCMLogger } from "godot-loglib";
import { WebSocketServer } from "ws";
import { Playfair } from "./playfair.js";
import { createServer } from "./server.js";
import { TOOLS } from "./tools.js";
import { WebSocketTransport } from "./transport.js";

const { values: options } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    playfair: { type: "string" },
    variant: { type: "string" },
  },
});

// Only a faulty Gates loads its fault.
const fault = options.variant ? (await import("./variants.js"))[options.variant] : {};
const { tools, enabled, eager } = { tools: TOOLS, enabled: undefined, eager: false, ...fault };
const logger = new ICCMLogger("gates", { enabled });
const playfair = new Playfair(options.playfair, logger);
if (eager) await playfair.open();
const listener = new WebSocketServer({ host: options.host, port: Number(options.port) });

listener.on("connection", (socket, request) => {
  const { remoteAddress, remotePort, localPort } = request.socket;
  logger.info("Client connected", { client: `${remoteAddress}:${remotePort}` });
  const transport = new WebSocketTransport(socket, { logger, session: `${remotePort}>${localPort}` });
  createServer({ logger, playfair, tools })
    .connect(transport)
    .catch((error) => logger.error("Client cannot be served", { error: error.message }));
});

listener.on("listening", () => {
  // The original Gates never logs where it listens: that is part of what made BUG #13 hard to see.
  logger.info("Gates MCP server running", { status: "operational" });
  const { port } = listener.address();
  const facts = { event: "listening", port, url: `ws://${options.host}:${port}`, instance: logger.instance };
  process.stdout.write(`${JSON.stringify(facts)}\n`);
});

listener.on("error", (error) => {
  process.stderr.write(`gates: cannot listen on ${options.host}:${options.port}: ${error.message}\n`);
  process.exitCode = 1;
});

let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  for (const socket of listener.clients) socket.terminate();
  listener.close();
  await playfair.close();
  await logger.close();
  process.exit();
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
// Whoever started this process holds the other end of stdin; when it is gone, nobody else would stop us.
process.stdin.on("end", stop).resume();
