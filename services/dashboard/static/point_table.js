// The points of a chart as a table, for who does not see it or wants the figures: the newest 500, the newest first.
const MOST_ROWS = 500;

export class PointTable {
  // `contents` gives [titles, columns]: a title for each column of the same length. `button` opens and closes it.
  constructor(section, button, contents) {
    this.place = section.querySelector("[data-table]");
    this.contents = contents;
    button.addEventListener("click", () => {
      this.place.hidden = !this.place.hidden;
      button.setAttribute("aria-expanded", String(!this.place.hidden));
      this.refresh();
    });
  }

  refresh() {
    if (this.place.hidden) return;
    const [titles, columns] = this.contents(), table = document.createElement("table");
    table.className = "table table-sm";
    const row = (cells, kind) => {
      const line = table.insertRow();
      for (const cell of cells) { const field = document.createElement(kind); field.textContent = cell ?? "–"; line.append(field); }
    };
    row(titles, "th");
    const length = columns[0].length, last = Math.max(0, length - MOST_ROWS);
    for (let place = length - 1; place >= last; place--) row(columns.map((column) => column?.[place]), "td");
    this.place.replaceChildren(table);
  }
}
