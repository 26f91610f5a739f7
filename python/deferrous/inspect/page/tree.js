// Who waits for whom, as a picture that folds: the outermost waiter on the left, what it waits for below it.
import { count, duration, element, place } from "./words.js";

const LINE = 22; // pixels
const INDENT = 22;

export class Tree {
  trees = [];
  folded = new Set();
  chosen = null;
  lines = [];

  constructor(picture) {
    this.picture = picture;
    picture.addEventListener("keydown", (event) => this.#key(event));
    picture.addEventListener("focus", () => this.#choose(this.chosen ?? this.lines[0]?.path));
  }

  show(trees) {
    this.trees = trees;
    this.draw();
  }

  draw() {
    this.lines = [];
    this.trees.forEach((tree, index) => this.#place(tree, 0, `${index}`, null));
    const groups = this.lines.map((line, row) => this.#line(line, row));
    this.picture.replaceChildren(...groups);
    const width = Math.max(300, ...groups.map((group) => group.getBBox().x + group.getBBox().width)) + 8;
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("height", Math.max(1, this.lines.length) * LINE);
    for (const group of groups) group.querySelector("rect").setAttribute("width", width);
    if (!this.lines.some((line) => line.path === this.chosen)) this.chosen = null;
    this.#mark();
  }

  // A line keeps its fold while its node is told by the same names.
  #place(node, depth, path, parent) {
    const name = `${path} ${node.kind} ${node.name} ${node.file}:${node.line}`;
    const line = { node, depth, path: name, parent };
    this.lines.push(line);
    line.row = this.lines.length - 1;
    if (this.folded.has(name)) return;
    node.waits_for.forEach((next, index) => this.#place(next, depth + 1, `${path}.${index}`, line));
  }

  #line(line, row) {
    const { node, depth } = line;
    const [x, middle] = [depth * INDENT + 6, row * LINE + LINE / 2];
    const sign = node.waits_for.length ? (this.folded.has(line.path) ? "▸" : "▾") : "·";
    const times = node.count > 1 ? `${count(node.count)} × ` : "";
    const text = element("text", { x, y: middle + 4 }, `${sign} ${times}${node.kind} ${node.name ?? ""} `);
    const where = [place(node), duration(node.age)].filter(Boolean).join(", ");
    if (where) text.append(element("tspan", { class: "place" }, `${where} `));
    if (node.note) text.append(element("tspan", { class: /never|circle/.test(node.note) ? "bad" : "" }, node.note));
    const item = { role: "treeitem", id: `line-${row}`, "aria-level": depth + 1, "aria-selected": "false" };
    if (node.waits_for.length) item["aria-expanded"] = String(!this.folded.has(line.path));
    const group = element("g", item, element("rect", { x: 0, y: row * LINE, height: LINE, width: 1 }));
    if (line.parent) {
      const from = line.parent.row * LINE + LINE * 0.75;
      group.append(element("path", { d: `M${x - INDENT + 5} ${from}V${middle}H${x - 3}` }));
    }
    group.append(text);
    group.addEventListener("click", () => {
      this.chosen = line.path;
      this.#fold(line, !this.folded.has(line.path));
    });
    return group;
  }

  #fold(line, folded) {
    if (!line.node.waits_for.length) return this.#mark();
    this.folded[folded ? "add" : "delete"](line.path);
    this.draw();
  }

  #choose(path) {
    this.chosen = path ?? null;
    this.#mark();
  }

  #mark() {
    this.lines.forEach((line, row) => {
      const group = this.picture.children[row];
      const chosen = line.path === this.chosen;
      group.classList.toggle("chosen", chosen);
      group.setAttribute("aria-selected", String(chosen));
      if (chosen) this.picture.setAttribute("aria-activedescendant", group.id);
    });
  }

  #key(event) {
    const at = this.lines.findIndex((line) => line.path === this.chosen);
    const line = this.lines[at];
    if (!line) return;
    const open = line.node.waits_for.length && !this.folded.has(line.path);
    const keys = {
      ArrowDown: () => this.#choose((this.lines[at + 1] ?? line).path),
      ArrowUp: () => this.#choose((this.lines[at - 1] ?? line).path),
      Home: () => this.#choose(this.lines[0].path),
      End: () => this.#choose(this.lines.at(-1).path),
      ArrowRight: () => (open ? this.#choose(this.lines[at + 1].path) : this.#fold(line, false)),
      ArrowLeft: () => (open ? this.#fold(line, true) : this.#choose((line.parent ?? line).path)),
      Enter: () => this.#fold(line, Boolean(open)),
      " ": () => this.#fold(line, Boolean(open)),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
    this.picture.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  }
}
