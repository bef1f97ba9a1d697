// What several tests need: child processes that log, a Redis to look into, and a line to it that can be cut.
"use strict";

const { spawn } = require("node:child_process");
const net = require("node:net");
const { join } = require("node:path");
const { createClient } = require("@redis/client");

const PACKAGE = join(__dirname, "..");
const REDIS_URL = process.env.GODOT_TEST_REDIS_URL;
/** For `test(name, needsRedis, …)`: pytest starts a server and sets the variable. */
const needsRedis = { skip: REDIS_URL ? false : "GODOT_TEST_REDIS_URL is not set (pytest sets it)" };

/** Run code in a new process; resolves to {status, records, stdout, stderr}, where records came over stdout. */
function runNode(code, environment = {}) {
  const { GODOT_REDIS_URL: _url, GODOT_LEVEL: _level, ...inherited } = process.env;
  const child = spawn(process.execPath, ["-e", `const { ICCMLogger } = require(${JSON.stringify(PACKAGE)});\n${code}`], {
    env: { ...inherited, GODOT_REDIS_URL: "redis://127.0.0.1:1/0", GODOT_FALLBACK: "stdout", ...environment },
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].setEncoding("utf8").on("data", (text) => (output[name] += text));
  return new Promise((resolve) => {
    child.on("close", (status) => resolve({ status, records: parseLines(output.stdout), ...output }));
  });
}

const parseLines = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line));

let prefixes = 0;
/** A prefix of its own for one test, and what stands under it. */
async function openQueue(t) {
  const prefix = `node-test-${process.pid}-${(prefixes += 1)}:`;
  const client = createClient({ url: REDIS_URL });
  await client.connect();
  t.after(async () => {
    await client.del([`${prefix}queue`, `${prefix}dropped`]);
    client.destroy();
  });
  return {
    prefix,
    /** Oldest first. */
    records: async () => (await client.lRange(`${prefix}queue`, 0, -1)).reverse().map((text) => JSON.parse(text)),
    dropped: () => client.hGetAll(`${prefix}dropped`),
  };
}

/** A line to Redis in three states: "open", "refusing" and "hanging" (accepts, and answers nothing). */
async function openLine(t) {
  const target = new URL(REDIS_URL);
  const sockets = new Set();
  let state = "open";
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    if (state === "refusing") socket.destroy();
    if (state !== "open") return;
    const upstream = net.connect(Number(target.port), target.hostname);
    upstream.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
    socket.on("data", (bytes) => state === "open" && upstream.write(bytes));
    upstream.on("data", (bytes) => state === "open" && socket.write(bytes));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => sockets.forEach((socket) => socket.destroy());
  t.after(() => {
    cut();
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${server.address().port}${target.pathname}`,
    set(next) {
      state = next;
      if (state !== "hanging") cut();
    },
  };
}

/** Poll until `check` gives something true; fails after `seconds`. */
async function until(check, what, seconds = 10) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

module.exports = { needsRedis, openLine, openQueue, parseLines, runNode, until };
