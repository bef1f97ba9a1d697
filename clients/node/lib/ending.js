// All senders of this process, and what happens to their records when it ends: see the table in README.md.
"use strict";

const { isMainThread } = require("node:worker_threads");
const { Sender } = require("./sender");

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"];
const LEAST_MS = 100; // for the fallback, when the time to end is over already

const senders = new Map();
let overdue = false; // an ending has used its time already

/** The sender that all loggers of this process with the same destination share. */
function senderFor(settings) {
  // Name, level and fields to redact are the logger's own; whatever else differs asks for another sender.
  const { component: _name, level: _level, enabled: _enabled, redactFields: _fields, problems: _problems, ...destination } = settings;
  const key = JSON.stringify(destination);
  if (!senders.has(key)) {
    if (senders.size === 0) watchEnds();
    senders.set(key, new Sender(settings));
  }
  return senders.get(key);
}

async function closeAll() {
  const results = await Promise.all(Array.from(senders.values(), (sender) => sender.close(sender.exitMs)));
  overdue = results.includes(false);
}

/** All senders one after the other within one deadline, the longest of theirs. */
function writeAll() {
  const longest = Math.max(...Array.from(senders.values(), (sender) => sender.exitMs));
  const deadline = Date.now() + (overdue ? LEAST_MS : longest);
  for (const sender of senders.values()) sender.writeRest(Math.max(deadline, Date.now() + LEAST_MS), !overdue);
}

function watchEnds() {
  process.on("beforeExit", () => {
    if ([...senders.values()].some((sender) => sender.waiting > 0)) void closeAll();
  });
  // Also after process.exit(), an uncaught exception and an unhandled rejection: nothing asynchronous is possible.
  process.on("exit", writeAll);
  if (!isMainThread) return; // signals are the main thread's
  // Node itself takes back what a starter such as nohup had ignored, so these all end the process by default.
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

let dying = false;

/**
 * A signal whose default is to end the process still ends it, a moment later. A program that handles the signal
 * decides by itself; then its exit is what flushes. The listener of the package signal-exit only stands for the default.
 */
function onSignal(signal) {
  const others = process.listeners(signal).filter((listener) => listener !== onSignal).length;
  if (others > standIns(signal)) return;
  if (dying) {
    end(signal); // who asks twice does not want to wait
    return;
  }
  dying = true;
  void closeAll().finally(() => end(signal));
}

function end(signal) {
  overdue = true;
  writeAll();
  for (const name of SIGNALS) process.removeListener(name, onSignal);
  process.kill(process.pid, signal);
}

/** How many listeners are those of signal-exit (version 3, version 4), which step aside for nobody but themselves. */
function standIns(signal) {
  const emitters = [process.__signal_exit_emitter__, globalThis[Symbol.for("signal-exit emitter")]];
  if (!process.listenerCount(signal)) return 0;
  return emitters.reduce((sum, emitter) => sum + (Number(emitter?.count) || 0), 0);
}

module.exports = { senderFor };
