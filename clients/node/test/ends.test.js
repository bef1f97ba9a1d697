// What happens to records at each end of a process: the table "Exactly what happens at each end" of README.md.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { describe, test } = require("node:test");
const { needsRedis, openQueue, parseLines } = require("./helpers");

const REDIS_URL = process.env.GODOT_TEST_REDIS_URL;
const PACKAGE = join(__dirname, "..");
const NOBODY = "redis://127.0.0.1:1/0";
const EXIT_SECONDS = 1;
// What a process may take beside its deadline on a machine that does other work: to end, and to start before that.
const ENDING_MS = 4000;
const STARTING_MS = 12_000;

const seqs = (records) => records.map((record) => record.seq).sort((a, b) => a - b);
const upTo = (count) => Array.from({ length: count }, (_, i) => i + 1);

function folder(t) {
  const path = fs.mkdtempSync(join(tmpdir(), "godot-"));
  t.after(() => fs.rmSync(path, { recursive: true }));
  return path;
}

/** Both ends of a FIFO, which nobody reads while the process lives: its descriptor, and what stood in it. */
function openFifo(t) {
  const path = join(folder(t), "fifo");
  execFileSync("mkfifo", [path]);
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  // Of its own: starting a child makes the descriptors that it gets block.
  const reader = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  t.after(() => [fd, reader].forEach((one) => fs.closeSync(one)));
  return {
    fd,
    drain() {
      const parts = [];
      const part = Buffer.alloc(65536);
      for (;;) {
        try {
          parts.push(Buffer.from(part.subarray(0, fs.readSync(reader, part))));
        } catch {
          return Buffer.concat(parts).toString();
        }
      }
    },
  };
}

/**
 * Run code in a process of its own until its end: {status, signal, ms, stdout, stderr}. `kill`: a signal for it as soon
 * as it has sent a message. `stdio`: for stdout and stderr. `shell`: a line of sh that starts "$0" "$@".
 */
async function run(code, { environment = {}, kill, stdio = ["pipe", "pipe"], shell, file } = {}) {
  const { GODOT_REDIS_URL: _url, GODOT_LEVEL: _level, ...inherited } = process.env;
  const script = `const { ICCMLogger } = require(${JSON.stringify(PACKAGE)});\n${code}`;
  const env = { ...inherited, GODOT_REDIS_URL: NOBODY, GODOT_FALLBACK: "stdout", GODOT_EXIT_SECONDS: String(EXIT_SECONDS), ...environment };
  if (file) fs.writeFileSync(file, script);
  const command = [process.execPath, ...(file ? [file] : ["-e", script])];
  const [program, ...args] = shell ? ["sh", "-c", shell, ...command] : command;
  const started = Date.now();
  let asked = started;
  const child = spawn(program, args, { env, stdio: ["ignore", ...stdio, "ipc"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name]?.setEncoding("utf8").on("data", (text) => (output[name] += text));
  child.on("message", () => {
    asked = Date.now();
    if (kill) child.kill(kill);
  });
  const hung = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const [status, signal] = await new Promise((resolve) => child.on("close", (...end) => resolve(end)));
  clearTimeout(hung);
  const facts = { status, signal, ms: Date.now() - asked, ...output };
  assert.ok(facts.ms < env.GODOT_EXIT_SECONDS * 1000 + (asked > started ? ENDING_MS : STARTING_MS), `took ${facts.ms} ms: ${JSON.stringify(facts)}`);
  return facts;
}

/** Log 300 records and say so; then go on as `end` does. */
const LOG = (end = "") => `
  const log = new ICCMLogger("x");
  for (let i = 0; i < 300; i += 1) log.info("x".repeat(300));
  process.send("ready"); process.channel.unref();
  ${end}`;
const STAY = "setInterval(() => {}, 1000);";
const lostIn = (stderr) => [...stderr.matchAll(/(\d+) records of x lost/g)].reduce((sum, match) => sum + Number(match[1]), 0);

// Most of them wait.
describe("at the end of a process", { concurrency: 3 }, () => {
  for (const [what, end, check] of [
    ["ends by itself", "", { status: 0, signal: null }],
    ["process.exit()", "process.exit(3);", { status: 3, signal: null }],
    ["an uncaught exception", 'setTimeout(() => { throw new Error("boom"); });', { status: 1, signal: null }],
    ["an unhandled rejection", 'Promise.reject(new Error("boom"));', { status: 1, signal: null }],
    ["SIGTERM", STAY, { status: null, signal: "SIGTERM" }],
    ["SIGINT", STAY, { status: null, signal: "SIGINT" }],
    ["SIGHUP", STAY, { status: null, signal: "SIGHUP" }],
    ["a handler of its own that exits", `process.on("SIGTERM", () => process.exit(7)); ${STAY}`, { status: 7, signal: null }, "SIGTERM"],
    ["a handler of its own that closes", `process.on("SIGTERM", async () => { await log.close(); process.exit(8); }); ${STAY}`, { status: 8, signal: null }, "SIGTERM"],
  ].map(([what, end, check, kill]) => [what, end, { ...check, kill: kill ?? check.signal }])) {
    const { kill, ...expected } = check;
    const ended = ({ status, signal }) => ({ status, signal });

    test(`${what}, Redis up: everything is there`, needsRedis, async (t) => {
      const { prefix, records } = await openQueue(t);
      const facts = await run(LOG(end), { kill, environment: { GODOT_REDIS_URL: REDIS_URL, GODOT_PREFIX: prefix, GODOT_EXIT_SECONDS: "8" } });
      assert.deepEqual(ended(facts), expected);
      assert.deepEqual(seqs(await records()), upTo(300));
      assert.equal(facts.stdout, "");
      if (facts.status === 1) assert.match(facts.stderr, /boom/);
    });

    test(`${what}, Redis away: everything is in the fallback`, async () => {
      const facts = await run(LOG(end), { kill });
      assert.deepEqual(ended(facts), expected);
      assert.deepEqual(seqs(parseLines(facts.stdout)), upTo(300));
    });

    for (const kind of ["pipe", "socket"]) {
      test(`${what}, Redis away, and the fallback a ${kind} that nobody reads: it ends in time, and counts`, async (t) => {
        const fifo = kind === "pipe" ? openFifo(t) : null;
        const many = LOG(`for (let i = 0; i < 2700; i += 1) log.info("x".repeat(300)); ${end}`);
        const sockets = kind === "socket" ? await openSocket(t) : null;
        const facts = await run(many, { kill, stdio: [fifo?.fd ?? sockets.fd, "pipe"] });
        assert.deepEqual(ended(facts), expected);
        const text = fifo ? fifo.drain() : await sockets.drain();
        const whole = text.slice(0, text.lastIndexOf("\n") + 1);
        assert.equal(parseLines(whole).filter(({ data }) => !data?.lost).length + lostIn(facts.stderr), 3000, facts.stderr);
      });
    }

    test(`${what}, Redis away, and the fallback on a full disk: it ends in time, and counts`, async (t) => {
      const full = fs.openSync("/dev/full", "w");
      t.after(() => fs.closeSync(full));
      const facts = await run(LOG(end), { kill, stdio: [full, "pipe"] });
      assert.deepEqual(ended(facts), expected);
      assert.equal(lostIn(facts.stderr), 300, facts.stderr);
    });

    test(`${what}, Redis trickles one byte a second: it ends in time, and everything is in the fallback`, async (t) => {
      const facts = await run(LOG(end), { kill, environment: { GODOT_REDIS_URL: await openTrickle(t) } });
      assert.deepEqual(ended(facts), expected);
      assert.deepEqual(seqs(parseLines(facts.stdout)), upTo(300));
    });

    test(`${what}, while it logs without pause and stderr is full: it ends in time`, async (t) => {
      const fifo = openFifo(t);
      fs.writeSync(fifo.fd, Buffer.alloc(65536)); // all that it takes
      const log = `setInterval(() => log.info("more"), 0); (function again() { log.info("more"); setImmediate(again); })();`;
      if (what === "ends by itself") return;
      const facts = await run(LOG(`${log} ${end.includes("throw") || end.includes("reject") ? end : `setTimeout(() => { ${end} }, 50);`}`), { kill, stdio: ["pipe", fifo.fd] });
      assert.deepEqual(ended(facts), expected);
      const found = seqs(parseLines(facts.stdout));
      assert.deepEqual(found.slice(0, 300), upTo(300));
    });
  }

  test("SIGKILL: all but the last moment is there", needsRedis, async (t) => {
    const { prefix, records } = await openQueue(t);
    const environment = { GODOT_REDIS_URL: REDIS_URL, GODOT_PREFIX: prefix };
    const facts = await run(`
      const log = new ICCMLogger("x");
      for (let i = 0; i < 300; i += 1) log.info("x");
      log.flush().then(() => { for (let i = 0; i < 10; i += 1) log.info("x"); process.send("ready"); });
      ${STAY}`, { kill: "SIGKILL", environment });
    assert.equal(facts.signal, "SIGKILL");
    assert.deepEqual(seqs(await records()).slice(0, 300), upTo(300));
  });

  test("a second SIGTERM does not wait for Redis", async (t) => {
    const url = await openTrickle(t);
    const started = Date.now();
    const facts = await run(`${LOG(`process.on("SIGUSR2", () => {}); setTimeout(() => process.kill(process.pid, "SIGTERM"), 100); ${STAY}`)}`, {
      kill: "SIGTERM",
      environment: { GODOT_REDIS_URL: url, GODOT_EXIT_SECONDS: "8", GODOT_REDIS_TIMEOUT: "8" },
    });
    assert.equal(facts.signal, "SIGTERM");
    assert.ok(Date.now() - started < 6000);
    assert.deepEqual(seqs(parseLines(facts.stdout)), upTo(300));
  });

  for (const [version, emitter] of [[3, "process.__signal_exit_emitter__"], [4, 'globalThis[Symbol.for("signal-exit emitter")]']]) {
    test(`signal-exit ${version}, which steps aside for every other listener, does not keep SIGTERM from ending the process`, async () => {
      const facts = await run(LOG(`
        ${emitter} = { count: 1 };
        process.on("SIGTERM", function signalExit() {
          if (process.listeners("SIGTERM").length !== 1) return;
          process.removeListener("SIGTERM", signalExit);
          process.kill(process.pid, "SIGTERM");
        });
        ${STAY}`), { kill: "SIGTERM" });
      assert.equal(facts.signal, "SIGTERM");
      assert.deepEqual(seqs(parseLines(facts.stdout)), upTo(300));
    });
  }

  test("stdout and stderr without a reader at all do not end the process", async () => {
    const facts = await run(LOG("setTimeout(() => process.exit(6), 700);"), { shell: '( "$0" "$@"; echo $? >&3 ) 3>&2 2>&1 | true' });
    assert.match(facts.stderr, /^6$/m);
  });

  test("a program whose listener is only removed later ends by SIGTERM all the same", async () => {
    const facts = await run(LOG(`const own = () => {}; process.on("SIGTERM", own); process.removeListener("SIGTERM", own); ${STAY}`), { kill: "SIGTERM" });
    assert.equal(facts.signal, "SIGTERM");
  });

  test("a worker thread that ends, or calls process.exit(), has delivered everything", needsRedis, async (t) => {
    for (const end of ["", "process.exit(2);"]) {
      const { prefix, records } = await openQueue(t);
      const path = join(folder(t), "fallback");
      await run(`
        const { Worker } = require("node:worker_threads");
        const log = new ICCMLogger("x"); log.info("main");
        new Worker(${JSON.stringify(`const { ICCMLogger } = require(${JSON.stringify(PACKAGE)}); const log = new ICCMLogger("x"); for (let i = 0; i < 300; i += 1) log.info("worker"); ${end}`)}, { eval: true });
        process.channel.unref();`, { environment: { GODOT_REDIS_URL: REDIS_URL, GODOT_PREFIX: prefix, GODOT_FALLBACK: `file:${path}` } });
      const found = [...(await records()), ...(fs.existsSync(path) ? parseLines(fs.readFileSync(path, "utf8")) : [])];
      const worker = found.filter(({ message }) => message === "worker");
      assert.deepEqual(seqs(worker), upTo(300));
      assert.equal(new Set(found.map(({ instance }) => instance)).size, 2);
    }
  });

  test("cluster: each worker is an instance of its own and delivers everything", needsRedis, async (t) => {
    const { prefix, records } = await openQueue(t);
    await run(`
      const cluster = require("node:cluster");
      const log = new ICCMLogger("x");
      for (let i = 0; i < 100; i += 1) log.info("x");
      if (cluster.isPrimary) {
        for (const end of ["disconnect", "kill"]) cluster.fork().on("message", function () { this[end](); });
        process.channel.unref();
      } else process.send("logged");`, { file: join(folder(t), "cluster.js"), environment: { GODOT_REDIS_URL: REDIS_URL, GODOT_PREFIX: prefix } });
    const found = await records();
    const instances = [...new Set(found.map(({ instance }) => instance))];
    assert.equal(instances.length, 3);
    for (const one of instances) assert.deepEqual(seqs(found.filter(({ instance }) => instance === one)), upTo(100));
  });

  test("a torn line on a disk that fills up is not glued to the next record", { skip: process.platform !== "linux" }, async (t) => {
    const path = join(folder(t), "fallback");
    const code = `
      const log = new ICCMLogger("x", { fallback: ${JSON.stringify(`file:${path}`)} });
      for (let i = 0; i < 300; i += 1) log.info("x".repeat(300));
      process.channel.unref();`;
    // A bound of the shell for the size of files stands for the full disk; its unit is 512 bytes.
    const facts = await run(code, { shell: 'trap "" XFSZ; ulimit -f 31; exec "$0" "$@"' });
    const first = fs.readFileSync(path, "utf8");
    assert.equal(parseLines(first).length + lostIn(facts.stderr), 300, facts.stderr);
    assert.ok(first.endsWith("\n"));
    fs.appendFileSync(path, '{"torn": "by somebo');
    await run(code);
    const lines = fs.readFileSync(path, "utf8").split("\n").filter(Boolean);
    const torn = lines.filter((line) => line === '{"torn": "by somebo');
    assert.equal(torn.length, 1);
    assert.equal(lines.filter((line) => line !== torn[0]).map((line) => JSON.parse(line)).length, parseLines(first).length + 300);
  });
});

/** A socket that nobody reads, as the descriptor of a child's stdout. */
async function openSocket(t) {
  const path = join(folder(t), "socket");
  const chunks = [];
  const accepted = new Promise((resolve) => {
    const server = net.createServer({ pauseOnConnect: true }, resolve).listen(path);
    t.after(() => server.close());
  });
  const socket = net.connect(path);
  const peer = await accepted;
  t.after(() => [socket, peer].forEach((end) => end.destroy()));
  return {
    fd: socket,
    async drain() {
      socket.destroy();
      for await (const chunk of peer) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    },
  };
}

/** A Redis that answers, one byte a second. */
async function openTrickle(t) {
  const server = net.createServer((socket) => {
    const timer = setInterval(() => socket.write("+"), 1000);
    socket.on("error", () => {}).on("close", () => clearInterval(timer)).resume();
    t.after(() => socket.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `redis://127.0.0.1:${server.address().port}/0`;
}
