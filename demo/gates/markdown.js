// A small reader of Markdown: blocks, their HTML, their counts, and what looks wrong with them.
export const DIAGRAM_FENCE = "playfair-dot";

const escape = (text) =>
  text.replace(/[&<>"]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]);

const inline = (text) =>
  escape(text)
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replace(/\*([^*]+)\*/g, "<em>$1</em>");

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

/** The blocks of a text, in order: heading, code, table, list or paragraph. */
export function parse(text) {
  const lines = text.split(/\r?\n/);
  const blocks = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const fence = /^```(\S*)\s*$/.exec(line);
    if (fence) {
      const end = lines.findIndex((other, index) => index > at && /^```\s*$/.test(other));
      const last = end < 0 ? lines.length : end;
      blocks.push({ kind: "code", language: fence[1], text: lines.slice(at + 1, last).join("\n"), closed: end >= 0 });
      at = last + 1;
    } else if (heading) {
      blocks.push({ kind: "heading", level: heading[1].length, text: heading[2] });
      at += 1;
    } else if (line.trim() === "") {
      at += 1;
    } else {
      const kind = /^\s*\|/.test(line) ? "table" : /^\s*[-*+]\s/.test(line) ? "list" : "paragraph";
      const start = at;
      while (at < lines.length && lines[at].trim() !== "" && (at === start || !/^(#{1,6}\s|```)/.test(lines[at]))) {
        at += 1;
      }
      blocks.push({ kind, lines: lines.slice(start, at) });
    }
  }
  return blocks;
}

function tableHtml(lines) {
  const rows = lines.filter((line) => !/^\s*\|[\s:|-]+\|?\s*$/.test(line)).map(cells);
  const row = (items, tag) => `<tr>${items.map((item) => `<${tag}>${inline(item)}</${tag}>`).join("")}</tr>`;
  return `<table>${rows.map((items, index) => row(items, index === 0 ? "th" : "td")).join("")}</table>`;
}

function blockHtml(block, diagrams) {
  switch (block.kind) {
    case "heading":
      return `<h${block.level}>${inline(block.text)}</h${block.level}>`;
    case "code":
      return diagrams.has(block)
        ? `<figure>${diagrams.get(block)}</figure>`
        : `<pre><code>${escape(block.text)}</code></pre>`;
    case "table":
      return tableHtml(block.lines);
    case "list":
      return `<ul>${block.lines.map((line) => `<li>${inline(line.replace(/^\s*[-*+]\s+/, ""))}</li>`).join("")}</ul>`;
    default:
      return `<p>${inline(block.lines.join(" "))}</p>`;
  }
}

/** A whole HTML document; `diagrams` maps code blocks to the SVG that stands in their place. */
export function toHtml(blocks, { title = "Untitled", author }, diagrams) {
  const meta = author ? `<meta name="author" content="${escape(author)}">` : "";
  const body = blocks.map((block) => blockHtml(block, diagrams)).join("\n");
  return `<!doctype html>\n<html><head><meta charset="utf-8"><title>${escape(title)}</title>${meta}</head>\n<body>\n${body}\n</body></html>\n`;
}

export function statistics(blocks) {
  const count = (kind) => blocks.filter((block) => block.kind === kind).length;
  const diagrams = blocks.filter((block) => block.language === DIAGRAM_FENCE).length;
  return {
    heading_count: count("heading"),
    paragraph_count: count("paragraph"),
    code_block_count: count("code") - diagrams,
    table_count: count("table"),
    list_count: count("list"),
    diagram_count: diagrams,
  };
}

export function warnings(blocks) {
  const found = [];
  let level = 0;
  for (const block of blocks) {
    if (block.kind === "code" && !block.closed) found.push("a fenced block is never closed");
    if (block.kind === "table" && new Set(block.lines.map((line) => cells(line).length)).size > 1) {
      found.push("a table has rows of different length");
    }
    if (block.kind === "heading") {
      if (block.level > level + 1) found.push(`heading "${block.text}" skips a level`);
      level = block.level;
    }
  }
  return found;
}
