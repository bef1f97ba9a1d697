// Gates as it should not be: other tools than those of tools.js, or other ways.
import { TOOLS } from "./tools.js";

const changed = (name, change) => ({
  tools: TOOLS.map((tool) => (tool.name === name ? { ...tool, ...change(tool) } : tool)),
});

/** Promises what its capabilities look like, and answers with text alone. */
export const PromisesStructure = changed("gates_list_capabilities", () => ({
  outputSchema: {
    type: "object",
    properties: { version: { type: "string" }, output_formats: { type: "array", items: { type: "string" } } },
    required: ["version", "output_formats"],
  },
}));

/** Lists a tool that says more about itself than others do. */
export const Annotated = changed("gates_validate_markdown", () => ({
  annotations: { title: "Validate Markdown", readOnlyHint: true },
}));

/** Does not log, and is connected to Playfair before it is asked for anything, as the original was. */
export const MuteAndEager = { enabled: false, eager: true };
