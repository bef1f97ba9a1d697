// Writes to stdout, stderr and files in a way that can never block the process for ever, and never tears a line.
"use strict";

const fs = require("node:fs");

const ATOMIC = 4096; // PIPE_BUF of Linux: a write of at most so many bytes to a pipe goes in one piece or not at all
const NEWLINE = 0x0a;
const PAUSE_MS = 5;
const GRACE_MS = 100;

const pausing = new Int32Array(new SharedArrayBuffer(4));
/** Sleep without an event loop, for a process that ends. */
const pauseSync = (ms) => Atomics.wait(pausing, 0, 0, ms);

/**
 * A descriptor for the same pipe or terminal that returns EAGAIN instead of blocking. On Linux a second one is opened,
 * so that programs that share the pipe keep their blocking writes; elsewhere Node's own stream has made it so.
 */
function nonBlocking(fd) {
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) return fd;
  if (stat.isFIFO() || stat.isCharacterDevice()) {
    try {
      const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
      return fs.openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    } catch {
      // no Linux, or a terminal of somebody else
    }
  }
  // Sockets, and other systems: the stream of Node sets O_NONBLOCK when it is made.
  void (fd === 2 ? process.stderr : process.stdout);
  return fd;
}

/** Lines to a stream of this process. Whatever happens to it, no call blocks. */
class StreamOutput {
  #number;
  #fd = null;
  #torn = null; // {line, offset}: a long line of which a part is out

  constructor(name) {
    this.name = name;
    this.#number = name === "stderr" ? 2 : 1;
  }

  /**
   * Write as many lines (buffers with their line ends) as the stream takes now; how many are out as a whole. A long
   * line may be out in part: it is finished when it comes again, or closed by a line end when another comes instead.
   */
  write(lines) {
    this.#fd ??= nonBlocking(this.#number);
    let done = 0;
    while (done < lines.length) {
      const first = lines[done];
      if (this.#torn !== null || first.length > ATOMIC) {
        if (!this.#long(first)) return done;
        done += 1;
        continue;
      }
      let count = 1;
      let bytes = first.length;
      while (done + count < lines.length && bytes + lines[done + count].length <= ATOMIC) bytes += lines[done + count++].length;
      const chunk = count === 1 ? first : Buffer.concat(lines.slice(done, done + count));
      const out = this.#some(chunk, 0);
      if (out === chunk.length) {
        done += count;
        continue;
      }
      // Less than all of it: no pipe does this, a file on a full disk does.
      let offset = out;
      while (offset >= lines[done].length) offset -= lines[done++].length;
      if (offset > 0) this.#torn = { line: lines[done], offset };
      return done;
    }
    return done;
  }

  #long(line) {
    const torn = this.#torn;
    if (torn !== null && torn.line !== line) {
      if (this.#some(Buffer.from([NEWLINE]), 0) === 0) return false;
      this.#torn = null;
    }
    let offset = this.#torn?.offset ?? 0;
    while (offset < line.length) {
      const out = this.#some(line, offset);
      if (out === 0) {
        if (offset > 0) this.#torn = { line, offset };
        return false;
      }
      offset += out;
    }
    this.#torn = null;
    return true;
  }

  #some(bytes, offset) {
    try {
      return fs.writeSync(this.#fd, bytes, offset);
    } catch (error) {
      if (error.code === "EAGAIN") return 0;
      throw error;
    }
  }

  /** The same for a process that ends: waits for the reader, until the deadline. */
  writeSync(lines, deadline) {
    let done = 0;
    for (;;) {
      done += this.write(lines.slice(done));
      if (done === lines.length) return done;
      if (Date.now() >= deadline) break;
      pauseSync(PAUSE_MS);
    }
    // A reader that is only slow gets the end of the line that is out in part.
    while (this.#torn?.line === lines[done] && Date.now() < deadline + GRACE_MS) {
      if (this.#long(lines[done])) return done + 1;
      pauseSync(PAUSE_MS);
    }
    return done;
  }
}

const stderr = new StreamOutput("stderr");

/** One line on stderr for the people who run the process: the only place where this library speaks about itself. */
function announce(text) {
  try {
    stderr.write([Buffer.from(`godot-loglib: ${text.replaceAll("\n", " ")}\n`)]);
  } catch {
    // closed, or full: nobody reads it
  }
}

const said = new Set();

/** The same line only once in a process. */
function announceOnce(text) {
  if (said.has(text) || said.size > 1000) return;
  said.add(text);
  announce(text);
}

module.exports = { StreamOutput, announce, announceOnce };
