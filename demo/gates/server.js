// The MCP server of Gates: lists and runs its tools through the official SDK, and logs what the original logs.
import { McpServer, fromJsonSchema } from "@modelcontextprotocol/server";
import { TOOLS } from "./tools.js";

/** A server for one connection. */
export function createServer({ logger, playfair }) {
  const server = new McpServer({ name: "gates", version: "1.0.0" });
  for (const { name, description, inputSchema, run } of TOOLS) {
    server.registerTool(name, { description, inputSchema: fromJsonSchema(inputSchema) }, async (args) => {
      logger.trace("Tool call received", { tool_name: name });
      try {
        const result = await run(args, { logger, playfair });
        logger.trace("Tool call completed successfully", { tool_name: name });
        return { content: [{ type: "text", text: JSON.stringify(result, null, 2) }] };
      } catch (error) {
        logger.error("Tool error", { tool_name: name, error: error.message });
        return { content: [{ type: "text", text: error.message }], isError: true };
      }
    });
  }
  return server;
}
