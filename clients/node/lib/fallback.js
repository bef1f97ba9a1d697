// Where records go while Redis is away: stdout, stderr, or a size-capped rotated file.
"use strict";

const fs = require("node:fs");
const readline = require("node:readline");
const { StreamOutput } = require("./output");

const OLDER_FILES = 3;
const NEWLINE = 0x0a;
const WAIT_MS = 20;
const STALE_LOCK_MS = 10_000;

/** A stream of the process; a reader who takes nothing is waited for, but never for ever. */
class StreamFallback extends StreamOutput {
  async append(lines, patienceMs, out) {
    const deadline = Date.now() + patienceMs;
    let done = 0;
    for (;;) {
      const more = this.write(lines.slice(done));
      done += more;
      // While this waits the process may end: then it must be known what is out.
      if (!out(more) || done === lines.length || Date.now() >= deadline) return;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS).unref());
    }
  }
}

/**
 * A file that several processes may share. At `maxBytes` it becomes PATH.1, and PATH.3 is given up: what was in it is
 * reported to `lost(component, micros)`.
 */
class FileFallback {
  constructor(path, maxBytes, lost) {
    this.name = path;
    this.path = path;
    this.maxBytes = maxBytes;
    this.lost = lost;
  }

  /** Append whole lines. What a full disk took in part is taken back. */
  async append(lines, _patienceMs, out) {
    out(await this.#append(lines));
  }

  async #append(lines) {
    const bytes = Buffer.concat(lines);
    await this.#rotateIfFull(bytes.length);
    const file = await fs.promises.open(this.path, "a+", 0o600);
    try {
      const { size } = await file.stat();
      const torn = size > 0 && (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== NEWLINE;
      const start = torn ? Buffer.concat([Buffer.from([NEWLINE]), bytes]) : bytes;
      let out = 0;
      try {
        while (out < start.length) out += (await file.write(start, out)).bytesWritten;
      } catch (error) {
        const { whole, length } = wholeLines(lines, out - (torn ? 1 : 0));
        // Another process may have appended meanwhile: then its line stays, and so does the torn one before it.
        if ((await file.stat()).size === size + out) await file.truncate(size + (torn ? 1 : 0) + length).catch(() => {});
        if (whole > 0) return whole;
        throw error;
      }
      return lines.length;
    } finally {
      await file.close().catch(() => {});
    }
  }

  /** The same for a process that ends. It does not rotate: the file may exceed its bound by what the buffer held. */
  writeSync(lines) {
    const file = fs.openSync(this.path, "a+", 0o600);
    try {
      const { size } = fs.fstatSync(file);
      const last = Buffer.alloc(1);
      const torn = size > 0 && fs.readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
      const start = Buffer.concat(torn ? [Buffer.from([NEWLINE]), ...lines] : lines);
      let out = 0;
      try {
        while (out < start.length) out += fs.writeSync(file, start, out);
      } catch (error) {
        const { whole, length } = wholeLines(lines, out - (torn ? 1 : 0));
        if (fs.fstatSync(file).size === size + out) fs.ftruncateSync(file, size + (torn ? 1 : 0) + length);
        if (whole > 0) return whole;
        throw error;
      }
      return lines.length;
    } finally {
      fs.closeSync(file);
    }
  }

  async #rotateIfFull(more) {
    const full = async () => {
      const size = await fs.promises.stat(this.path).then((stat) => stat.size, () => 0);
      return size > 0 && size + more > this.maxBytes;
    };
    if (!(await full())) return;
    const lock = `${this.path}.lock`;
    if (!(await this.#locked(lock))) return; // another process rotates: this batch may still go to the old file
    try {
      if (await full()) await this.#rotate();
    } finally {
      await fs.promises.unlink(lock).catch(() => {});
    }
  }

  async #locked(lock) {
    try {
      await (await fs.promises.open(lock, "wx", 0o600)).close();
      return true;
    } catch (error) {
      if (error.code !== "EEXIST") return error.code === "ENOSPC"; // no room for a lock: rotate without
      const age = await fs.promises.stat(lock).then((stat) => Date.now() - stat.mtimeMs, () => 0);
      if (age > STALE_LOCK_MS) await fs.promises.unlink(lock).catch(() => {});
      return false;
    }
  }

  async #rotate() {
    const name = (age) => (age === 0 ? this.path : `${this.path}.${age}`);
    await this.#count(name(OLDER_FILES));
    for (let age = OLDER_FILES - 1; age >= 0; age -= 1) {
      await fs.promises.rename(name(age), name(age + 1)).catch((error) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
  }

  /** Report each record of a file that goes. */
  async #count(path) {
    try {
      for await (const line of readline.createInterface({ input: fs.createReadStream(path) })) {
        try {
          const { component, event_created_at: at } = JSON.parse(line);
          this.lost(component, Date.parse(at) * 1000);
        } catch {
          // no record
        }
      }
    } catch {
      // no such file
    }
  }
}

/** How many of the lines the first `bytes` bytes hold as a whole, and how long these are. */
function wholeLines(lines, bytes) {
  let whole = 0;
  let length = 0;
  while (whole < lines.length && length + lines[whole].length <= bytes) length += lines[whole++].length;
  return { whole, length };
}

/** Refuses everything: records wait in memory, whose bound counts what it cannot hold. */
class NoFallback {
  name = "memory";

  async append() {}

  writeSync() {
    return 0;
  }
}

/** `auto` is stderr where stdin is a pipe: then stdout is probably the channel of an MCP server. */
function resolve(target) {
  if (target !== "auto") return target;
  try {
    const stdin = fs.fstatSync(0);
    return stdin.isFIFO() || stdin.isSocket() ? "stderr" : "stdout";
  } catch {
    return "stdout";
  }
}

/**
 * A place for JSON lines (buffers with their line ends). `append(lines, patienceMs, out)` calls `out(count)` for lines
 * that are out, and stops when that returns false; `writeSync(lines, deadline)`, for a process that ends, returns their
 * number. Both throw where none can be written.
 */
function createFallback(setting, maxBytes, lost) {
  const target = resolve(setting);
  if (target === "off") return new NoFallback();
  if (target.startsWith("file:")) return new FileFallback(target.slice("file:".length), maxBytes, lost);
  return new StreamFallback(target);
}

module.exports = { createFallback };
