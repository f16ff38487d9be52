"use strict";
// Tables are complete as they stand; this lets their columns be sorted, section by section, and opens what is folded
// for print. Rows without a number come last in either direction; a third click restores the study's order.
(() => {
  const other = {ascending: "descending", descending: "ascending"};

  const key = (row, column) => {
    const cell = row.cells[column];
    return column === 0 ? cell.textContent : "sort" in cell.dataset ? Number(cell.dataset.sort) : null;
  };

  const compare = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, "en", {numeric: true}) : a - b;

  const sorted = (rows, column, direction) => {
    const known = rows.filter((row) => key(row, column) !== null);
    const unknown = rows.filter((row) => key(row, column) === null);
    const sign = direction === "descending" ? -1 : 1;
    known.sort((a, b) => sign * compare(key(a, column), key(b, column)));
    return [...known, ...unknown];
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    const bodies = [...table.tBodies].map((body) => {
      return {body, rows: [...body.rows].filter((row) => !row.classList.contains("section"))};
    });

    const sort = (header, column) => {
      const first = header.dataset.first || "ascending";
      const now = header.getAttribute("aria-sort");
      const next = now === null ? first : now === first ? other[first] : null;
      headers.forEach((each) => each.removeAttribute("aria-sort"));
      if (next !== null) header.setAttribute("aria-sort", next);
      for (const {body, rows} of bodies) body.append(...(next === null ? rows : sorted(rows, column, next)));
    };

    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sort(header, column));
      header.append(button);
    });
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
})();
