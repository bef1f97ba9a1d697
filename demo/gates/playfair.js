// Gates as a client of Playfair: one connection, opened when the first diagram is to be drawn.
import { Client } from "@modelcontextprotocol/client";
import { WebSocketTransport } from "./transport.js";

export class Playfair {
  #url;
  #logger;
  #client = null;

  constructor(url, logger) {
    this.#url = url;
    this.#logger = logger;
  }

  get configured() {
    return this.#url !== undefined;
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
    await this.#client?.close();
    this.#client = null;
  }

  async #connected() {
    if (this.#client) return this.#client;
    if (!this.configured) throw new Error("no Playfair is configured");
    const transport = await WebSocketTransport.open(this.#url, { logger: this.#logger, peer: "playfair" });
    const client = new Client({ name: "gates", version: "1.0.0" });
    client.onclose = () => {
      this.#client = null; // the next diagram connects again
    };
    await client.connect(transport);
    this.#client = client;
    return client;
  }
}
