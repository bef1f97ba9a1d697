// The MCP server of Gates: lists and runs its tools through the official SDK, and logs what the original logs.
import { McpServer, fromJsonSchema } from "@modelcontextprotocol/server";

/** A server of these tools for one connection. */
export function createServer({ logger, playfair, tools }) {
  const server = new McpServer({ name: "gates", version: "1.0.0" });
  for (const { name, description, inputSchema, outputSchema, annotations, run } of tools) {
    const listed = {
      description,
      inputSchema: fromJsonSchema(inputSchema),
      ...(outputSchema && { outputSchema: fromJsonSchema(outputSchema) }),
      ...(annotations && { annotations }),
    };
    server.registerTool(name, listed, async (args) => {
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
