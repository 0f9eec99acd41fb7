// A click on a column's header sorts its table: ascending, descending, then as it was.
// Without this script the page reads the same; its tables keep their order.
"use strict";
const NEXT = { ascending: "descending", descending: null };

function keys(rows, column) {
  // Numbers in full, where a column has any; else texts. What is missing has the key null.
  const cells = rows.map((row) => row.cells[column]);
  if (cells.some((cell) => "value" in cell.dataset)) {
    return cells.map((cell) => ("value" in cell.dataset ? Number(cell.dataset.value) : null));
  }
  return cells.map((cell) => (["", "–"].includes(cell.textContent) ? null : cell.textContent));
}

function compare(one, other) {
  // "UES-8" comes before "UES-32".
  if (typeof one === "number") return one - other || 0;
  return one.localeCompare(other, "en", { numeric: true });
}

function sorted(rows, column, direction) {
  if (direction === null) return rows;
  const sign = direction === "ascending" ? 1 : -1;
  const ranked = keys(rows, column).map((key, place) => ({ key, row: rows[place] }));
  const known = ranked.filter(({ key }) => key !== null);
  known.sort((one, other) => sign * compare(one.key, other.key));
  return [...known, ...ranked.filter(({ key }) => key === null)].map(({ row }) => row);
}

for (const table of document.querySelectorAll(".wide > table")) {
  const rows = [...table.tBodies[0].rows];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const before = header.getAttribute("aria-sort");
      const direction = before === null ? "ascending" : NEXT[before];
      headers.forEach((one) => one.removeAttribute("aria-sort"));
      if (direction !== null) header.setAttribute("aria-sort", direction);
      table.tBodies[0].append(...sorted(rows, column, direction));
    });
  });
}
document.getElementById("sorting").hidden = false;
