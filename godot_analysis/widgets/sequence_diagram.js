/**
 * An interactive sequence diagram: filter, fold, walk by keyboard, and read the payload of any message.
 *
 * Only the rows in sight are ever drawn, so that 10,000 messages cost as little as 50. All text comes from logs
 * and is untrusted: it enters the page through text nodes alone, never as markup.
 */

const SVG = "http://www.w3.org/2000/svg";
const ROW = 32; // pixels; the same as the static picture's
const HEAD = 36;
const TIME = 92;
const MARGIN = 70;
const OVERSCAN = 8; // rows drawn beyond the edge, so that a small scroll shows no blank
const CHARACTER = 6.7;
const FEWEST_REPEATS = 3;
const LONGEST_UNIT = 12;
const REPLY_DEADLINE_MS = 3000;
const UNANSWERED = new Set(["pending", "timed_out", "cancelled"]);
const FILLED = new Set(["request", "error", "invalid"]);

function render({ model, el }) {
  const diagram = new Diagram(model, el);
  return () => diagram.close();
}

/** The rows as the kernel sent them: numbers in typed arrays, texts as indices into one list of words. */
class Rows {
  constructor(model) {
    const columns = model.get("_columns");
    this.words = model.get("_words");
    this.lanes = model.get("_lanes");
    const ints = (name) => new Int32Array(bytesOf(columns[name]));
    this.text = {};
    for (const name of ["kind", "method", "tool", "rpc_id", "detail", "status", "lost_at", "seen", "level"]) {
      this.text[name] = ints(name);
    }
    this.source = ints("source");
    this.target = ints("target");
    this.answers = ints("answers");
    this.problem = ints("problem");
    this.time = new Float64Array(bytesOf(columns.time));
    this.duration = new Float64Array(bytesOf(columns.duration_ms));
    this.length = this.source.length;
    this.answeredBy = new Map();
    this.answers.forEach((question, answer) => question >= 0 && this.answeredBy.set(question, answer));
  }

  get(column, row) {
    return this.words[this.text[column][row]];
  }

  isMessage(row) {
    const kind = this.get("kind", row);
    return kind !== "note" && kind !== "loss";
  }

  label(row) {
    if (!this.isMessage(row)) return `${this.get("level", row)} ${this.get("method", row)}`.trim();
    const about = [this.get("method", row), this.get("tool", row)].filter(Boolean).join(" ");
    const id = this.get("rpc_id", row);
    return (about || this.get("kind", row)) + (id ? ` #${id}` : "");
  }

  detail(row) {
    return [this.get("detail", row), duration(this.duration[row])].filter(Boolean).join(" · ");
  }

  /** Equal for rows that a reader would call the same. */
  sameness(row) {
    const text = this.text;
    return [
      this.source[row], this.target[row], text.kind[row], text.method[row], text.tool[row],
      text.detail[row], text.status[row], text.lost_at[row], text.seen[row], text.level[row],
    ].join();
  }
}

/** Which rows pass the filter, in which lines; a line is a row, or the head of a fold (its number, negated, less 1). */
class Lines {
  constructor(rows) {
    this.rows = rows;
    this.opened = new Set();
    this.filter = { component: "", method: "", tool: "", text: "", notifications: true, fold: true, problems: false };
    this.found = null; // rows whose payload holds the text, once the kernel has said
    this.update();
  }

  update() {
    const passing = [];
    for (let row = 0; row < this.rows.length; row++) if (this.passes(row)) passing.push(row);
    this.passing = passing;
    this.folds = [];
    this.lines = this.filter.fold ? this.folded(passing) : passing;
    this.lineOf = new Map();
    this.lines.forEach((row, line) => row >= 0 && this.lineOf.set(row, line));
  }

  passes(row) {
    const { rows, filter } = this;
    const lane = filter.component === "" ? -1 : Number(filter.component);
    if (lane >= 0 && rows.source[row] !== lane && rows.target[row] !== lane) return false;
    if (filter.method && rows.get("method", row) !== filter.method) return false;
    if (filter.tool && rows.get("tool", row) !== filter.tool) return false;
    if (!filter.notifications && rows.get("kind", row) === "notification") return false;
    if (filter.problems && !rows.problem[row]) return false;
    if (!filter.text) return true;
    const here = [rows.label(row), rows.detail(row), rows.lanes[rows.source[row]], rows.lanes[rows.target[row]]];
    return here.join(" ").toLowerCase().includes(filter.text) || Boolean(this.found?.has(row));
  }

  /** The same splitting into repeats as sequence.py does. */
  folded(passing) {
    const numbers = new Map();
    const codes = passing.map((row) => {
      const key = this.rows.sameness(row);
      if (!numbers.has(key)) numbers.set(key, numbers.size);
      return numbers.get(key);
    });
    const lines = [];
    for (let start = 0; start < codes.length; ) {
      const { length, times } = longestRepeat(codes, start);
      const unit = passing.slice(start, start + length);
      if (times > 1) {
        const last = passing[start + length * times - 1];
        this.folds.push({ times, last, first: unit[0], length });
        lines.push(-this.folds.length);
      }
      lines.push(...(times > 1 && this.opened.has(unit[0]) ? passing.slice(start, start + length * times) : unit));
      start += length * times;
    }
    return lines;
  }

  toggle(fold) {
    const { first } = this.folds[fold];
    if (!this.opened.delete(first)) this.opened.add(first);
    this.update();
  }
}

class Diagram {
  constructor(model, el) {
    this.model = model;
    this.rows = new Rows(model);
    this.lines = new Lines(this.rows);
    this.abort = new AbortController();
    this.pending = new Map();
    this.nextRequest = 0;
    this.build(el);
    this.listen();
    this.refilter();
    if (model.get("_row") >= 0) this.show(model.get("_row"));
  }

  close() {
    this.abort.abort();
    this.resize.disconnect();
    this.model.off("change:_row", this.onRow);
    this.model.off("msg:custom", this.onMessage);
    for (const { timer } of this.pending.values()) clearTimeout(timer);
    cancelAnimationFrame(this.frame);
  }

  // --- building the page -------------------------------------------------------------------------------------

  build(el) {
    this.id = `godot-${Math.random().toString(36).slice(2)}`;
    this.canvas = svg("svg", { class: "godot-sequence", role: "presentation" });
    this.heads = svg("svg", { class: "godot-sequence heads", role: "presentation", height: HEAD });
    this.sizer = html("div", { class: "sizer" }, this.canvas);
    this.scroller = html(
      "div",
      { class: "scroller", tabindex: "0", role: "listbox", "aria-label": "Messages in causal order" },
      html("div", { class: "headbar" }, this.heads),
      this.sizer,
    );
    this.aside = html("aside", { class: "details", "aria-label": "The chosen message", "aria-live": "polite" });
    this.count = html("output", { class: "count", "aria-live": "polite" });
    const root = html(
      "div",
      { class: "godot-sequence godot-diagram" },
      this.toolbar(),
      html("div", { class: "panes" }, this.scroller, this.aside),
    );
    root.style.setProperty("--godot-height", `${this.model.get("height")}px`);
    this.describe(null);
    el.replaceChildren(root);
  }

  toolbar() {
    const { filter } = this.lines;
    filter.fold = this.model.get("fold");
    filter.notifications = this.model.get("notifications");
    const used = (column) => [...new Set(this.rows.text[column])].map((code) => this.rows.words[code]).filter(Boolean);
    const messages = new Set();
    for (let row = 0; row < this.rows.length; row++) {
      if (this.rows.isMessage(row)) messages.add(this.rows.get("method", row));
    }
    const change = (name) => (value) => {
      filter[name] = value;
      this.refilter();
    };
    this.search = html("input", { type: "search", placeholder: "text in message or payload  ( / )", "aria-label": "Text" });
    this.search.addEventListener("input", () => this.find(this.search.value));
    return html(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "Filter" },
      select("all components", this.rows.lanes.map((name, lane) => [String(lane), name]), change("component")),
      select("all methods", [...messages].filter(Boolean).sort().map((name) => [name, name]), change("method")),
      select("all tools", used("tool").sort().map((name) => [name, name]), change("tool")),
      this.search,
      checkbox("notifications", filter.notifications, change("notifications")),
      checkbox("fold repeats", filter.fold, change("fold")),
      checkbox("problems only", filter.problems, change("problems")),
      button("‹", "Previous problem (p)", () => this.toProblem(-1)),
      button("›", "Next problem (n)", () => this.toProblem(1)),
      this.count,
    );
  }

  listen() {
    const { signal } = this.abort;
    this.onRow = () => this.show(this.model.get("_row"));
    this.onMessage = (message, buffers) => this.receive(message, buffers);
    this.model.on("change:_row", this.onRow);
    this.model.on("msg:custom", this.onMessage);
    this.scroller.addEventListener("scroll", () => this.schedule(), { passive: true, signal });
    this.scroller.addEventListener("keydown", (event) => this.key(event), { signal });
    this.sizer.addEventListener("click", (event) => this.click(event), { signal });
    this.resize = new ResizeObserver(() => this.layout());
    this.resize.observe(this.scroller);
  }

  // --- what is shown -----------------------------------------------------------------------------------------

  refilter() {
    this.lines.update();
    const messages = this.lines.passing.filter((row) => this.rows.isMessage(row)).length;
    const problems = this.lines.passing.filter((row) => this.rows.problem[row]).length;
    const total = this.model.get("_messages");
    const folded = this.lines.folds.length ? ", repeats folded" : "";
    this.count.value =
      `showing ${messages.toLocaleString("en")} of ${total.toLocaleString("en")} messages${folded} · ` +
      `${problems.toLocaleString("en")} problem${problems === 1 ? "" : "s"}`;
    this.layout();
  }

  layout() {
    const lanes = this.rows.lanes.length;
    const room = this.scroller.clientWidth - TIME - 2 * MARGIN;
    this.step = Math.min(Math.max(room / Math.max(lanes - 1, 1), 92), 240);
    this.width = TIME + 2 * MARGIN + Math.max(lanes - 1, 0) * this.step;
    this.width = Math.max(this.width, this.scroller.clientWidth - 2);
    this.sizer.style.height = `${this.lines.lines.length * ROW + 12}px`;
    this.sizer.style.width = `${this.width}px`;
    this.heads.setAttribute("width", this.width);
    this.heads.replaceChildren(...this.rows.lanes.flatMap((name, lane) => head(name, this.x(lane), this.step)));
    this.draw();
  }

  schedule() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const { lines } = this.lines;
    const first = Math.max(Math.floor(this.scroller.scrollTop / ROW) - OVERSCAN, 0);
    const count = Math.ceil(this.scroller.clientHeight / ROW) + 2 * OVERSCAN;
    const stop = Math.min(first + count, lines.length);
    const height = Math.max((stop - first) * ROW, ROW) + 12;
    this.canvas.setAttribute("width", this.width);
    this.canvas.setAttribute("height", height);
    this.canvas.style.transform = `translateY(${first * ROW}px)`;
    const parts = this.rows.lanes.map((_, lane) => svg("path", { class: "life", d: `M${this.x(lane)} 0V${height}` }));
    for (let line = first; line < stop; line++) {
      const y = (line - first) * ROW;
      parts.push(lines[line] < 0 ? this.foldHead(line, y) : this.row(line, y));
    }
    if (!lines.length) parts.push(caption("no message passes the filter", this.width / 2, 22, "middle", "quiet"));
    this.canvas.replaceChildren(...parts);
    this.scroller.setAttribute("aria-activedescendant", this.chosen >= 0 ? `${this.id}-${this.chosen}` : "");
  }

  row(line, y) {
    const row = this.lines.lines[line];
    const { rows } = this;
    const kinds = ["kind", "status", "level"].map((column) => rows.get(column, row)).filter(Boolean).join(" ");
    const selected = row === this.chosen;
    const group = svg("g", {
      class: `line ${kinds}${selected ? " chosen" : ""}`, transform: `translate(0 ${y})`, role: "option",
      id: `${this.id}-${row}`, "aria-selected": selected, "data-line": line, "aria-label": this.spoken(row),
    });
    group.append(
      svg("rect", { class: "ground", x: 0, y: 0, width: this.width, height: ROW }),
      caption(clock(rows.time[row]), 10, 25, "start", "time"),
      ...(rows.isMessage(row) ? this.message(row) : this.note(row)),
    );
    return group;
  }

  message(row) {
    const { rows } = this;
    const kind = rows.get("kind", row);
    const lostAt = rows.get("lost_at", row);
    const seen = rows.get("seen", row);
    const start = this.x(rows.source[row]);
    const end = this.x(rows.target[row]);
    const way = end > start ? 1 : -1;
    const y = 22;
    const stops = { sender: start + way * 16, wire: end - (way * this.step) / 2, receiver: end - way * 9 };
    const stop = stops[lostAt] ?? end;
    const filled = FILLED.has(kind);
    const parts = [];
    if (start === end) {
      parts.push(svg("path", { class: "arrow", d: `M${start} ${y - 8}h26v10h-20` }), tip(start + 5, y + 2, -1, filled));
    } else if (stop === end) {
      const shaft = end - way * (filled ? 12 : 5);
      parts.push(svg("path", { class: "arrow", d: `M${start + way * 2} ${y}H${shaft}` }), tip(end - way * 2, y, way, filled));
    } else {
      parts.push(
        svg("path", { class: "rest", d: `M${stop} ${y}H${end}` }),
        svg("path", { class: "arrow", d: `M${start + way * 2} ${y}H${stop}` }),
        svg("path", { class: "cross", d: `M${stop - 5} ${y - 5}l10 10m0 -10l-10 10` }),
      );
    }
    if (seen === "receiver") parts.push(ring(start, y));
    if (seen === "sender" && stop === end) parts.push(ring(end, y));
    parts.push(this.words(row, start, end));
    return parts;
  }

  words(row, start, end) {
    const room = Math.floor((this.width - TIME - 24) / CHARACTER);
    const label = cut(this.rows.label(row), room);
    const detail = cut(this.rows.detail(row), room - label.length - 3);
    const half = ((label.length + detail.length + 3) * CHARACTER) / 2;
    const centre = start === end ? start + 30 : (start + end) / 2;
    const [least, most] = [TIME + 6, this.width - 10];
    const [x, anchor] =
      centre - half < least ? [least, "start"] : centre + half > most ? [most, "end"] : [centre, "middle"];
    const text = caption(label, x, 15, anchor, "halo");
    if (detail) {
      const more = svg("tspan", { class: this.rows.problem[row] ? "bad" : "quiet", dx: 8 });
      more.textContent = detail;
      text.append(more);
    }
    return text;
  }

  note(row) {
    const said = cut(this.rows.label(row), Math.floor((this.width - TIME - 40) / CHARACTER));
    const width = said.length * CHARACTER + 20;
    const left = Math.max(Math.min(this.x(this.rows.source[row]) - width / 2, this.width - 10 - width), TIME + 6);
    return [
      svg("path", { class: "paper", d: `M${left} 6h${width - 8}l8 8v14h${-width}z` }),
      caption(said, left + 8, 21, "start", ""),
    ];
  }

  foldHead(line, y) {
    const { times, last, first, length } = this.lines.folds[-this.lines.lines[line] - 1];
    const open = this.lines.opened.has(first);
    const what = length > 1 ? `these ${length} messages` : "this message";
    const said = `${open ? "▾" : "▸"} ${what} ${times.toLocaleString("en")} times, the last at ${clock(this.rows.time[last])}`;
    const group = svg("g", {
      class: "line fold-head", transform: `translate(0 ${y})`, "data-line": line, role: "option", "aria-selected": false,
    });
    group.append(
      svg("rect", { class: "ground", x: 0, y: 0, width: this.width, height: ROW }),
      svg("rect", { class: "tab", x: TIME + 4, y: 7, width: said.length * CHARACTER + 14, height: 20, rx: 5 }),
      caption(said, TIME + 12, 21, "start", "quiet"),
    );
    return group;
  }

  spoken(row) {
    const { rows } = this;
    const from = rows.lanes[rows.source[row]];
    const where = rows.isMessage(row) ? `${rows.get("kind", row)} from ${from} to ${rows.lanes[rows.target[row]]}` : from;
    return [clock(rows.time[row]), where, rows.label(row), rows.detail(row)].filter(Boolean).join(", ");
  }

  x(lane) {
    return TIME + MARGIN + lane * this.step;
  }

  // --- choosing ----------------------------------------------------------------------------------------------

  chosen = -1;

  click(event) {
    const line = event.target.closest("[data-line]")?.dataset.line;
    if (line === undefined) return;
    const row = this.lines.lines[Number(line)];
    if (row < 0) {
      this.lines.toggle(-row - 1);
      this.layout();
    } else {
      this.choose(row);
    }
  }

  /** Choose a row here and tell the kernel. */
  choose(row) {
    this.model.set("_row", row);
    this.model.save_changes();
    this.show(row);
  }

  /** Mark a row, bring it into sight and fetch its details. */
  show(row) {
    if (row === this.chosen) return;
    this.chosen = row;
    const line = this.lines.lineOf.get(row);
    if (line !== undefined) this.reveal(line);
    this.draw();
    this.describe(row < 0 ? null : row);
  }

  reveal(line) {
    const top = line * ROW;
    const sight = this.scroller.clientHeight - HEAD - ROW;
    const beyond = Math.max(this.scroller.scrollTop - top, top - this.scroller.scrollTop - sight);
    if (beyond <= 0) return;
    if (beyond > ROW) this.scroller.scrollTop = top - sight / 2; // a jump ends in the middle, a step at the edge
    else this.scroller.scrollTop = top < this.scroller.scrollTop ? top : top - sight;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(Math.floor(this.scroller.clientHeight / ROW) - 2, 1);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "n") this.toProblem(1);
    else if (event.key === "p") this.toProblem(-1);
    else if (event.key === "/") this.search.focus();
    else if (event.key === "Enter") this.jump();
    else if (event.key === "Escape") this.choose(-1);
    else return;
    event.preventDefault();
    event.stopPropagation(); // a notebook has shortcuts of its own on these keys
  }

  move(step) {
    const { lines } = this.lines;
    let line = this.lines.lineOf.get(this.chosen) ?? (step > 0 && Number.isFinite(step) ? -1 : 0);
    line = Math.min(Math.max(line + step, 0), lines.length - 1);
    const way = step > 0 && Number.isFinite(step) ? 1 : -1;
    while (lines[line] < 0 && lines[line + way] !== undefined) line += way; // over the heads of folds
    if (lines[line] < 0) line += 1;
    if (lines[line] !== undefined) this.choose(lines[line]);
  }

  toProblem(way) {
    const { lines } = this.lines;
    const from = this.lines.lineOf.get(this.chosen) ?? (way > 0 ? -1 : lines.length);
    for (let line = from + way; line >= 0 && line < lines.length; line += way) {
      if (lines[line] >= 0 && this.rows.problem[lines[line]]) return this.choose(lines[line]);
    }
  }

  /** From a question to its answer and back. */
  jump() {
    const other = this.partner(this.chosen);
    if (other !== undefined) this.choose(other);
  }

  partner(row) {
    return this.rows.answers[row] >= 0 ? this.rows.answers[row] : this.rows.answeredBy.get(row);
  }

  // --- details and search: from the embedded copy, else from the kernel ----------------------------------------

  async describe(row) {
    if (row === null) {
      const keys = "Click a message to read it. Keys: ↑ ↓ walk, n p problems, Enter question ↔ answer, / search.";
      this.aside.replaceChildren(paragraph(keys, "hint"));
      return;
    }
    const title = html("h3", {}, this.rows.label(row));
    const status = html("p", { class: this.rows.problem[row] ? "status bad" : "status" }, this.rows.detail(row));
    this.aside.replaceChildren(title, status, paragraph("…", "hint"));
    const embedded = this.model.get("_details")[row];
    const reply = embedded ?? (await this.ask({ kind: "details", row }));
    if (row !== this.chosen) return;
    if (!reply) {
      this.aside.replaceChildren(title, status, paragraph("The details are in the kernel, which does not answer.", "hint"));
      return;
    }
    const facts = html("dl", {});
    for (const [name, value] of reply.facts) facts.append(html("dt", {}, name), html("dd", {}, value));
    const other = this.partner(row);
    const parts = [title, status, facts];
    if (other !== undefined) {
      parts.push(button(other < row ? "↑ its question" : "↓ its answer", "Enter", () => this.choose(other)));
    }
    parts.push(html("pre", { tabindex: "0", "aria-label": "Payload" }, reply.payload));
    this.aside.replaceChildren(...parts);
  }

  find(text) {
    this.lines.filter.text = text.trim().toLowerCase();
    this.lines.found = null;
    clearTimeout(this.debounce);
    this.debounce = setTimeout(() => this.searchPayloads(this.lines.filter.text), 120);
  }

  async searchPayloads(text) {
    this.refilter();
    if (!text) return;
    const details = this.model.get("_details");
    let found;
    if (details.length) {
      found = details.flatMap(({ payload }, row) => (payload.toLowerCase().includes(text) ? [row] : []));
    } else {
      const reply = await this.ask({ kind: "search", text });
      found = reply ? new Int32Array(bytesOf(reply.buffer)) : [];
    }
    if (text !== this.lines.filter.text) return; // typed on meanwhile
    this.lines.found = new Set(found);
    this.refilter();
  }

  /** Ask the kernel; resolves to null when it does not answer in time. */
  ask(question) {
    const number = this.nextRequest++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.settle(number, null), REPLY_DEADLINE_MS);
      this.pending.set(number, { resolve, timer });
      this.model.send({ ...question, number });
    });
  }

  receive(message, buffers) {
    this.settle(message.number, { ...message, buffer: buffers?.[0] });
  }

  settle(number, reply) {
    const waiting = this.pending.get(number);
    if (!waiting) return; // another view's question
    this.pending.delete(number);
    clearTimeout(waiting.timer);
    waiting.resolve(reply);
  }
}

// --- small helpers -------------------------------------------------------------------------------------------

function longestRepeat(codes, start) {
  let best = { length: 1, times: 1 };
  for (let length = 1; length <= LONGEST_UNIT; length++) {
    let end = start + length;
    while (end < codes.length && codes[end] === codes[end - length]) end++;
    const times = Math.floor((end - start) / length);
    if (times >= FEWEST_REPEATS && times * length > best.times * best.length) best = { length, times };
  }
  return best;
}

function bytesOf(view) {
  if (view instanceof ArrayBuffer) return view;
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength); // a copy is aligned
}

function duration(ms) {
  if (Number.isNaN(ms)) return "";
  if (ms < 10) return `${Number(ms.toPrecision(2))} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  return ms < 60000 ? `${Number((ms / 1000).toPrecision(2))} s` : `${Number((ms / 60000).toPrecision(3))} min`;
}

function clock(ms) {
  return Number.isNaN(ms) ? "" : new Date(ms).toISOString().slice(11, 23);
}

function cut(text, most) {
  return text.length <= most ? text : most > 1 ? `${text.slice(0, most - 1)}…` : "";
}

function head(name, x, step) {
  const width = Math.min(Math.max(name.length * CHARACTER + 24, 64), step - 8);
  const group = svg("g", {});
  const title = svg("title", {});
  title.textContent = name;
  group.append(
    title,
    svg("rect", { class: "head", x: x - width / 2, y: 4, width, height: HEAD - 8, rx: 6 }),
    caption(cut(name, Math.floor((width - 12) / CHARACTER)), x, 22, "middle", "name"),
  );
  return [group];
}

function tip(x, y, way, filled) {
  const back = x - way * 9;
  return svg("path", { class: "tip", d: `M${back} ${y - 4.5}L${x} ${y}L${back} ${y + 4.5}${filled ? "z" : ""}` });
}

function ring(x, y) {
  return svg("circle", { class: "unseen", cx: x, cy: y, r: 5 });
}

function caption(said, x, y, anchor, style) {
  const text = svg("text", { x, y, "text-anchor": anchor, class: style });
  text.textContent = said;
  return text;
}

function paragraph(said, style) {
  return html("p", { class: style }, said);
}

function select(all, options, change) {
  const list = html("select", { "aria-label": all });
  for (const [value, said] of [["", all], ...options]) list.append(html("option", { value }, cut(said, 60)));
  list.addEventListener("change", () => change(list.value));
  return list;
}

function checkbox(said, checked, change) {
  const box = html("input", { type: "checkbox" });
  box.checked = checked;
  box.addEventListener("change", () => change(box.checked));
  return html("label", {}, box, ` ${said}`);
}

function button(said, title, press) {
  const made = html("button", { type: "button", title, "aria-label": title.length > 5 ? title : said }, said);
  made.addEventListener("click", press);
  return made;
}

function svg(name, attributes) {
  return withAttributes(document.createElementNS(SVG, name), attributes);
}

function html(name, attributes, ...children) {
  const element = withAttributes(document.createElement(name), attributes);
  element.append(...children); // strings become text nodes
  return element;
}

function withAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export default { render };
