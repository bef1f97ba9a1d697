// The Redis list behind everything: one connection, and one atomic step that pushes, trims and counts.
"use strict";

const { createHash } = require("node:crypto");
const { createClient } = require("@redis/client");

// The script of clients/wire/README.md. `unpack` goes in slices because Lua's stack is bounded.
const PUSH = `
for first = 2, #ARGV, 1000 do
  redis.call('LPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
local over = redis.call('LLEN', KEYS[1]) - tonumber(ARGV[1])
if over > 0 then
  redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[1]) - 1)
  redis.call('HINCRBY', KEYS[2], 'queue_full', over)
  return over
end
return 0
`;
const PUSH_SHA = createHash("sha1").update(PUSH).digest("hex");

class Queue {
  #client = null;
  #connecting = null;

  constructor({ redisUrl, prefix, queueMax, redisTimeout }) {
    this.url = redisUrl;
    this.keys = [`${prefix}queue`, `${prefix}dropped`];
    this.levelsKey = `${prefix}levels`;
    this.max = String(queueMax);
    this.timeoutMs = redisTimeout * 1000;
  }

  /** Push lines, oldest first; returns how many old entries the bound cost. Throws when Redis does not answer. */
  async push(lines) {
    try {
      return await this.#inTime(this.#push(lines), true);
    } catch (error) {
      this.disconnect();
      throw error;
    }
  }

  /** The central levels of these components: texts, or null where there is none. Throws when Redis does not answer. */
  async levels(components) {
    const read = async () => (await this.#connected()).hmGet(this.levelsKey, components);
    return this.#inTime(read(), false);
  }

  disconnect() {
    const client = this.#client;
    this.#client = this.#connecting = null;
    try {
      client?.destroy();
    } catch {
      // it was closed already
    }
  }

  /** The total, however slowly Redis answers. Only what must be sent keeps the process alive meanwhile. */
  async #inTime(work, matters) {
    let timer;
    const deadline = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${this.timeoutMs} ms`)), this.timeoutMs);
      if (!matters) timer.unref();
    });
    work.catch(() => {}); // when it fails after its time
    try {
      return await Promise.race([work, deadline]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #push(lines) {
    const client = await this.#connected();
    const call = { keys: this.keys, arguments: [this.max, ...lines] };
    try {
      return await client.evalSha(PUSH_SHA, call);
    } catch (error) {
      if (!String(error?.message).startsWith("NOSCRIPT")) throw error;
      return await client.eval(PUSH, call);
    }
  }

  #connected() {
    if (this.#client?.isReady) return this.#client;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connect() {
    this.disconnect();
    const client = createClient({
      url: this.url,
      name: "godot-loglib",
      disableOfflineQueue: true,
      // Who decides when to try again is the sender, which also knows about the fallback.
      socket: { connectTimeout: this.timeoutMs, reconnectStrategy: false },
    });
    client.on("error", () => {}); // each failure reaches the sender through the rejected push
    client.unref(); // an idle logger never keeps its process alive
    this.#client = client;
    await client.connect();
    return client;
  }
}

module.exports = { Queue };
