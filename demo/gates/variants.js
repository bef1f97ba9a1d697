// Gates as it should not be: what a variant lists, or answers, in the place of the tools of tools.js.
import { TOOLS } from "./tools.js";

const changed = (name, change) => TOOLS.map((tool) => (tool.name === name ? { ...tool, ...change(tool) } : tool));

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
