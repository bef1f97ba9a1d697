// What is recorded of a payload: all of it, its shape, or nothing, by tool; and never more than a bound.
// The rules are those of clients/wire/README.md, "Payload policy".
"use strict";

const STRICTNESS = ["full", "shape", "off"];
const REQUESTS = 10_000; // whose answers are still to come
const NO_CONTENT = new Set([
  "initialize", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover",
]);

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isMessage = (value) => isObject(value) && (typeof value.method === "string" || "result" in value || "error" in value);

/** `full,gates_create_document=shape` as {all, tools}; throws for anything else. */
function parsePolicy(text) {
  const policy = { all: "full", tools: new Map() };
  for (const part of String(text).split(",").map((item) => item.trim()).filter(Boolean)) {
    const at = part.lastIndexOf("=");
    const word = part.slice(at + 1).trim().toLowerCase();
    if (!STRICTNESS.includes(word)) throw new Error("not a list of full, shape, off or TOOL=full|shape|off");
    if (at < 0) policy.all = word;
    else policy.tools.set(part.slice(0, at).trim(), word);
  }
  return policy;
}

/** Applies the policy to the payloads of one sender, in the order of the log calls. */
class PayloadPolicy {
  #all;
  #tools;
  #strictest;
  #bytes;
  #requests = new Map();

  constructor({ all, tools }, bytes) {
    this.#all = all;
    this.#tools = tools;
    this.#strictest = STRICTNESS[Math.max(...[all, ...tools.values()].map((word) => STRICTNESS.indexOf(word)))];
    this.#bytes = bytes;
  }

  /**
   * The `mcp` object with what may stay of its payload (redacted already), marked when that is not all.
   * `atMost`: bytes that its JSON cannot exceed.
   */
  apply(mcp, atMost = Infinity) {
    if (this.#strictest === "full" && atMost <= this.#bytes) return mcp;
    const { payload } = mcp;
    let shown = payload;
    let mark = null;
    if (this.#strictest !== "full") {
      shown = Array.isArray(payload) ? payload.map((one) => this.#one(one, mcp)) : this.#one(payload, mcp);
      if (shown !== payload && JSON.stringify(shown) !== JSON.stringify(payload)) {
        mark = this.#mark ?? this.#strictest;
      } else shown = payload;
      this.#mark = null;
    }
    const size = Buffer.byteLength(JSON.stringify(payload));
    if (size > this.#bytes && Buffer.byteLength(JSON.stringify(shown)) > this.#bytes) {
      const shaped = Array.isArray(payload) ? payload.map((one) => reduced(one, "shape", false)) : reduced(payload, "shape", false);
      const text = JSON.stringify(shaped);
      if (mark === null && Buffer.byteLength(text) <= this.#bytes) [shown, mark] = [shaped, "shape"];
      else [shown, mark] = [beginning(typeof shown === "string" ? shown : JSON.stringify(shown), this.#bytes), "cut"];
    }
    return mark === null ? mcp : { ...mcp, payload: shown, policy: { payload: mark, bytes: size } };
  }

  #mark = null;

  #one(message, mcp) {
    const { policy, listing } = this.#policyOf(message, mcp);
    if (policy === "full" || listing) return message;
    if (this.#mark === null || STRICTNESS.indexOf(policy) > STRICTNESS.indexOf(this.#mark)) this.#mark = policy;
    return reduced(message, policy, listing);
  }

  /** The policy of a message, and whether it is one that holds no content. */
  #policyOf(message, { direction, peer, session }) {
    if (!isMessage(message)) return { policy: this.#all, listing: false };
    const { id, method } = message;
    if (typeof method === "string") {
      const known = {
        policy: (method === "tools/call" && this.#tools.get(message.params?.name)) || this.#all,
        listing: NO_CONTENT.has(method) || (id === undefined && method !== "notifications/message"),
      };
      if (id !== undefined) {
        if (this.#requests.size >= REQUESTS) this.#requests.delete(this.#requests.keys().next().value);
        this.#requests.set(requestKey(direction, peer, session, id), known);
      }
      return known;
    }
    // The answer comes from where the request went.
    const key = requestKey(direction === "sent" ? "received" : "sent", peer, session, id);
    const known = this.#requests.get(key);
    this.#requests.delete(key);
    return known ?? { policy: this.#strictest, listing: false };
  }
}

const requestKey = (direction, peer, session, id) => JSON.stringify([direction, peer, session, id]);

/** A message whose content became its shape, or `[off]`; anything that is no message is content as a whole. */
function reduced(message, policy, listing) {
  if (listing) return message;
  const part = policy === "off" ? () => "[off]" : shape;
  if (!isMessage(message)) return part(message);
  const result = { ...message };
  if (isObject(message.params) || Array.isArray(message.params)) result.params = params(message, part);
  if ("result" in message) result.result = part(message.result);
  if (isObject(message.error) && "data" in message.error) result.error = { ...message.error, data: part(message.error.data) };
  return result;
}

function params({ method, params: given }, part) {
  if (!isObject(given)) return part(given);
  if (NO_CONTENT.has(method) || (method.startsWith("notifications/") && method !== "notifications/message")) return given;
  if (method === "tools/call") return "arguments" in given ? { ...given, arguments: part(given.arguments) } : given;
  const { _meta, ...content } = given;
  const shown = part(content);
  if (!("_meta" in given)) return shown;
  return isObject(shown) ? Object.fromEntries(Object.keys(given).map((key) => [key, key === "_meta" ? _meta : shown[key]])) : { _meta, content: shown };
}

/** Keys, types and lengths of a value. */
function shape(value) {
  switch (typeof value) {
    case "string":
      return `[text: ${characters(value)}]`;
    case "number":
      return "[number]";
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map(shape);
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item)]));
    default:
      return value;
  }
}

/** Characters as other languages count them: a surrogate pair is one. */
function characters(text) {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i += 1) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) count -= 1;
  }
  return count;
}

/** The first characters of a text, at most so many bytes of UTF-8. */
function beginning(text, bytes) {
  if (Buffer.byteLength(text) <= bytes) return text;
  // Only whole characters: a decoder that is not told of an end keeps what is incomplete.
  const head = new TextDecoder("utf-8").decode(Buffer.from(text.slice(0, bytes)).subarray(0, bytes), { stream: true });
  return head;
}

module.exports = { PayloadPolicy, beginning, parsePolicy };
