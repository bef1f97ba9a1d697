// MCP over one WebSocket for the official SDK; every message that passes is recorded as it was on the wire.
import WebSocket from "ws";

export class WebSocketTransport {
  #socket;
  #logger;
  #asked = new Map();

  /** `peer` may be left out where the other end introduces itself with `initialize`. */
  constructor(socket, { logger, session, peer }) {
    this.#socket = socket;
    this.#logger = logger;
    this.session = session;
    this.peer = peer ?? "unknown";
    this.introduced = peer !== undefined;
  }

  /** Connect to a server and describe the connection as the server will: by its two ports. */
  static async open(url, { logger, peer }) {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const { localPort, remotePort } = socket._socket;
    return new WebSocketTransport(socket, { logger, peer, session: `${localPort}>${remotePort}` });
  }

  async start() {
    this.#socket.on("message", (bytes) => this.#receive(bytes.toString("utf8")));
    this.#socket.on("error", (error) => this.onerror?.(error));
    this.#socket.on("close", () => this.onclose?.());
  }

  async send(message) {
    const outgoing = this.#logger.inject(message);
    if (outgoing.id !== undefined && outgoing.method) {
      this.#asked.set(outgoing.id, this.#logger.extract(outgoing));
    }
    this.#record("sent", outgoing);
    await new Promise((resolve, reject) => {
      this.#socket.send(JSON.stringify(outgoing), (error) => (error ? reject(error) : resolve()));
    });
  }

  async close() {
    this.#socket.close();
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch (error) {
      this.#record("received", text);
      this.onerror?.(error);
      return;
    }
    if (!this.introduced && message?.method === "initialize") {
      this.peer = message.params?.clientInfo?.name ?? this.peer;
      this.introduced = true;
    }
    const trace = message?.method ? this.#logger.extract(message) : this.#traceOfQuestion(message?.id);
    // Whatever the SDK does with this message happens in its trace, the answer included.
    this.#logger.traceContext(trace, () => {
      this.#record("received", message);
      this.onmessage?.(message);
    });
  }

  #traceOfQuestion(id) {
    const trace = this.#asked.get(id) ?? null;
    this.#asked.delete(id);
    return trace;
  }

  #record(direction, message) {
    this.#logger[direction](this.peer, message, { transport: "websocket", session: this.session });
  }
}
