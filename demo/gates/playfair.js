// Gates as a client of Playfair: one connection, opened when the first diagram is to be drawn.
import { Client } from "@modelcontextprotocol/client";
import { WebSocketTransport } from "./transport.js";

export class Playfair {
  #url;
  #logger;
  #client = null;
  #transport = null;

  constructor(url, logger) {
    this.#url = url;
    this.#logger = logger;
  }

  get configured() {
    return this.#url !== undefined;
  }

  /** Open the connection; Playfair is greeted on it when it is needed. */
  async open() {
    this.#transport = await WebSocketTransport.open(this.#url, { logger: this.#logger, peer: "playfair" });
  }

  /** The SVG of a diagram in the DOT language. */
  async draw(content) {
    const client = await this.#connected();
    const result = await client.callTool({
      name: "playfair_create_diagram",
      arguments: { content, format: "dot", theme: "modern" },
    });
    const text = result.content[0]?.text ?? "";
    if (result.isError) throw new Error(`Playfair cannot draw this: ${text}`);
    return JSON.parse(text).svg;
  }

  async close() {
    await (this.#client ?? this.#transport)?.close();
    this.#client = this.#transport = null;
  }

  async #connected() {
    if (this.#client) return this.#client;
    if (!this.configured) throw new Error("no Playfair is configured");
    if (!this.#transport) await this.open();
    const client = new Client({ name: "gates", version: "1.0.0" });
    client.onclose = () => {
      this.#client = this.#transport = null; // the next diagram connects again
    };
    await client.connect(this.#transport);
    this.#client = client;
    return client;
  }
}
