// What is recorded of a payload: all of it, its shape, or nothing, by tool; and never more than a bound.
// The rules are those of clients/wire/README.md, "Payload policy".
"use strict";

const { isNumber, restore } = require("./exact");

const STRICTNESS = ["full", "shape", "off"];
const REQUESTS = 10_000; // whose answers are still to come
// What the protocol itself says. Diagnosis lives on it, and it holds no user's data.
const PROTOCOL = new Set([
  "initialize", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover",
]);

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const MESSAGE = ["method", "result", "error"];

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
    this.#strictest = strictest([all, ...tools.values()]);
    this.#bytes = bytes;
  }

  /**
   * The `mcp` object with what may stay of its payload (redacted already), marked when that is not all.
   * `atMost`: bytes that its JSON cannot exceed.
   */
  apply(mcp, atMost = Infinity) {
    if (this.#strictest === "full" && atMost <= this.#bytes) return mcp;
    const { payload } = mcp;
    let [shown, mark] = this.#strictest === "full" ? [payload, "full"] : this.#byPolicy(payload, mcp);
    if (atMost > this.#bytes && size(shown) > this.#bytes) {
      // Never more than the policy leaves: under `off` the shape would be more.
      const shaped = mark === "off" ? shown : content(payload, shape);
      [shown, mark] = size(shaped) <= this.#bytes ? [shaped, "shape"] : [beginning(text(shown), this.#bytes), "cut"];
    }
    return mark === "full" ? mcp : { ...mcp, payload: shown, policy: { payload: mark, bytes: size(payload) } };
  }

  #byPolicy(payload, mcp) {
    if (Array.isArray(payload)) {
      const pairs = payload.map((one) => this.#byPolicy(one, mcp));
      return [pairs.map(([shown]) => shown), strictest(pairs.map(([, policy]) => policy))];
    }
    const policy = this.#policyOf(payload, mcp);
    if (policy === "full") return [payload, policy];
    return [content(payload, policy === "shape" ? shape : () => "[off]"), policy];
  }

  /** The policy of one message; `full` for what the protocol itself says. */
  #policyOf(payload, { direction, peer, session }) {
    if (!isObject(payload)) return this.#all;
    const { id, method } = payload;
    if (typeof method === "string") {
      const policy = this.#policyOfMethod(method, payload.params);
      if (id !== undefined && id !== null) {
        if (this.#requests.size >= REQUESTS) this.#requests.delete(this.#requests.keys().next().value);
        this.#requests.set(requestKey(direction, peer, session, id), policy);
      }
      return policy;
    }
    // The answer comes from where the request went.
    const key = requestKey(direction === "sent" ? "received" : "sent", peer, session, id);
    const policy = this.#requests.get(key);
    this.#requests.delete(key);
    return policy ?? this.#strictest;
  }

  #policyOfMethod(method, params) {
    if (PROTOCOL.has(method) || (method.startsWith("notifications/") && method !== "notifications/message")) return "full";
    return (method === "tools/call" && isObject(params) && this.#tools.get(params.name)) || this.#all;
  }
}

const strictest = (policies) => STRICTNESS[Math.max(0, ...policies.map((policy) => STRICTNESS.indexOf(policy)))];
const requestKey = (direction, peer, session, id) => JSON.stringify([direction, peer, session, id]);

const text = (payload) => (typeof payload === "string" ? payload : restore(JSON.stringify(payload)));
const size = (payload) => Buffer.byteLength(text(payload));

/** The payload with its content cut; all of it is content where it is no JSON-RPC. */
function content(payload, cut) {
  if (Array.isArray(payload)) return payload.map((one) => content(one, cut));
  if (!isObject(payload) || !MESSAGE.some((key) => key in payload)) return cut(payload);
  const kept = { ...payload };
  if ("params" in kept) kept.params = params(payload, cut);
  if ("result" in kept) kept.result = cut(kept.result);
  if (isObject(kept.error) && "data" in kept.error) kept.error = { ...kept.error, data: cut(kept.error.data) };
  return kept;
}

function params({ method, params: given }, cut) {
  if (!isObject(given)) return cut(given);
  if (method === "tools/call") return "arguments" in given ? { ...given, arguments: cut(given.arguments) } : given;
  const { _meta, ...rest } = given;
  const shortened = cut(rest);
  if (!("_meta" in given)) return shortened;
  return isObject(shortened) ? { ...shortened, _meta } : { _meta };
}

/** Keys, types and lengths of a value. */
function shape(value) {
  switch (typeof value) {
    case "string":
      return isNumber(value) ? "[number]" : `[text: ${characters(value)}]`;
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
function beginning(whole, bytes) {
  // Only whole characters: a decoder that is not told of an end keeps what is incomplete.
  return new TextDecoder("utf-8").decode(Buffer.from(whole.slice(0, bytes)).subarray(0, bytes), { stream: true });
}

module.exports = { PayloadPolicy, parsePolicy };
