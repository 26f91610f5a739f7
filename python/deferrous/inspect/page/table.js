// The table of what is outstanding: filtered, and sorted by any column.
import { count, duration, element, place } from "./words.js";

const COLUMNS = [
  { title: "count", of: (row) => row.count, show: (row) => count(row.count), number: true },
  { title: "what", of: (row) => row.kind, show: (row) => row.kind },
  { title: "name", of: (row) => row.name, show: (row) => row.name, long: true },
  { title: "place", of: place, show: place },
  { title: "oldest", of: (row) => row.oldest ?? -1, show: (row) => duration(row.oldest), number: true },
  { title: "youngest", of: (row) => row.youngest ?? -1, show: (row) => duration(row.youngest), number: true },
  { title: "waits for", of: (row) => row.waits_for, show: (row) => row.waits_for, long: true },
];

export class Table {
  rows = [];
  column = COLUMNS[0];
  downwards = true;

  constructor(head, body, filter) {
    this.head = head;
    this.body = body;
    this.filter = filter;
    filter.addEventListener("input", () => this.draw());
    for (const column of COLUMNS) {
      const button = element("button", {}, column.title);
      button.addEventListener("click", () => this.sort(column));
      column.cell = element("th", { scope: "col", ...(column.number && { class: "number" }) }, button);
      head.append(column.cell);
    }
  }

  // Sort by a column; the second time the other way round.
  sort(column) {
    this.downwards = column === this.column ? !this.downwards : Boolean(column.number);
    this.column = column;
    this.draw();
  }

  show(rows) {
    this.rows = rows;
    this.draw();
  }

  draw() {
    const wanted = this.filter.value.toLowerCase();
    const rows = this.rows.filter((row) => COLUMNS.some((column) => String(column.show(row)).toLowerCase().includes(wanted)));
    const sign = this.downwards ? -1 : 1;
    rows.sort((one, other) => {
      const [first, second] = [this.column.of(one), this.column.of(other)];
      return sign * (first < second ? -1 : first > second ? 1 : 0);
    });
    for (const column of COLUMNS) {
      const order = this.downwards ? "descending" : "ascending";
      column.cell.setAttribute("aria-sort", column === this.column ? order : "none");
    }
    this.body.replaceChildren(...rows.map((row) => this.#line(row)));
    if (!rows.length) this.body.append(element("tr", {}, element("td", { class: "none", colspan: COLUMNS.length }, "Nothing.")));
  }

  #line(row) {
    return element("tr", {}, ...COLUMNS.map((column) => {
      const kind = [column.number && "number", column.long && "long", column.title === "place" && "place"].filter(Boolean);
      const cell = element("td", kind.length ? { class: kind.join(" ") } : {}, String(column.show(row)));
      if (column.title === "place" && row.file) cell.title = `${row.file}:${row.line ?? ""}`;
      return cell;
    }));
  }
}
