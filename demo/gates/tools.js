// The tools of Gates: what the model may ask for, as JSON Schema, and what then happens.
import { createHash } from "node:crypto";
import { DIAGRAM_FENCE, parse, statistics, toHtml, warnings } from "./markdown.js";

const MAX_BYTES = 10 * 1024 * 1024;

const markdown = {
  type: "string",
  description: "The document as Markdown (CommonMark, with GFM tables and playfair-dot diagrams).",
  maxLength: MAX_BYTES,
};

const object = (properties, required = []) => ({
  type: "object",
  properties,
  ...(required.length > 0 && { required }),
  additionalProperties: false,
});

/** Draw every diagram of a document: Gates asks Playfair directly, not through the relay. */
async function drawDiagrams(blocks, playfair) {
  const diagrams = new Map();
  for (const block of blocks) {
    if (block.kind === "code" && block.language === DIAGRAM_FENCE) {
      diagrams.set(block, await playfair.draw(block.text));
    }
  }
  return diagrams;
}

export const TOOLS = [
  {
    name: "gates_create_document",
    description: "Make an HTML document from Markdown, with its diagrams drawn by Playfair.",
    inputSchema: object(
      {
        markdown,
        metadata: object({
          title: { type: "string", description: "Title of the document." },
          author: { type: "string", description: "Who wrote it." },
        }),
      },
      ["markdown"],
    ),
    async run({ markdown: text, metadata = {} }, { logger, playfair }) {
      const blocks = parse(text);
      logger.debug("Adding document creation to queue", { blocks: blocks.length });
      const html = toHtml(blocks, metadata, await drawDiagrams(blocks, playfair));
      return {
        document_id: createHash("sha256").update(html).digest("hex").slice(0, 12),
        title: metadata.title ?? blocks.find((block) => block.kind === "heading")?.text ?? "Untitled",
        size_bytes: Buffer.byteLength(html),
        html,
        statistics: statistics(blocks),
      };
    },
  },
  {
    name: "gates_validate_markdown",
    description: "Check Markdown for problems before making a document of it.",
    inputSchema: object({ markdown }, ["markdown"]),
    async run({ markdown: text }, { logger }) {
      logger.trace("Validating markdown", { characters: text.length });
      const blocks = parse(text);
      const found = warnings(blocks);
      return { valid: found.length === 0, warnings: found, statistics: statistics(blocks) };
    },
  },
  {
    name: "gates_list_capabilities",
    description: "Tell what Gates can make, and its limits.",
    inputSchema: object({}),
    async run(_args, { logger, playfair }) {
      logger.trace("Listing capabilities");
      return {
        version: "1.0",
        markdown_features: ["headings", "paragraphs", "lists", "tables", "fenced code", "diagrams"],
        diagram_formats: [DIAGRAM_FENCE],
        output_formats: ["html"],
        size_limits: { max_markdown_bytes: MAX_BYTES },
        playfair_status: playfair.configured ? "configured" : "not configured",
      };
    },
  },
];
