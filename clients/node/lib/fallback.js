// Where records go while Redis is away: stdout, stderr, or a size-capped rotated file.
"use strict";

const fs = require("node:fs");

const OLDER_FILES = 3;

/** Resolves once the text is out. A reader that went away rejects it, and does not end the process. */
function written(stream, text) {
  return new Promise((resolve, reject) => {
    stream.once("error", reject);
    stream.write(text, (error) => {
      // The stream emits "error" after it called back: keep listening until then.
      if (error) reject(error);
      else stream.removeListener("error", reject) && resolve();
    });
  });
}

async function appendRotated(path, text, maxBytes) {
  const size = await fs.promises.stat(path).then((stat) => stat.size, () => 0);
  if (size > 0 && size + Buffer.byteLength(text) > maxBytes) await rotate(path);
  await fs.promises.appendFile(path, text);
}

async function rotate(path) {
  const name = (age) => (age === 0 ? path : `${path}.${age}`);
  for (let age = OLDER_FILES - 1; age >= 0; age -= 1) {
    await fs.promises.rename(name(age), name(age + 1)).catch((error) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
}

function refuse() {
  throw new Error("the fallback is off");
}

/**
 * A place for JSON lines: `write(text)` resolves once they are out, `writeSync(text)` is for a process
 * that ends. "off" refuses everything: records wait in memory, whose bound counts what it cannot hold.
 */
function createFallback(target, maxBytes) {
  if (target === "off") return { name: "memory", write: async () => refuse(), writeSync: refuse };
  if (target.startsWith("file:")) {
    const path = target.slice("file:".length);
    return {
      name: path,
      write: (text) => appendRotated(path, text, maxBytes),
      writeSync: (text) => fs.appendFileSync(path, text),
    };
  }
  const stream = target === "stderr" ? process.stderr : process.stdout;
  return {
    name: target,
    write: (text) => written(stream, text),
    writeSync: (text) => writeAllSync(stream.fd, Buffer.from(text)),
  };
}

/** A pipe may take only a part, or nothing for now: try for a short while, then give up. */
function writeAllSync(fd, bytes) {
  const deadline = Date.now() + 1000;
  for (let offset = 0; offset < bytes.length && Date.now() < deadline; ) {
    try {
      offset += fs.writeSync(fd, bytes, offset);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

module.exports = { createFallback };
