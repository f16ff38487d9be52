"use strict";
// Tables are complete without this script. It sorts their columns section by section, marks boxes that scroll sideways,
// and opens folded details for print. Label columns are sorted as text, all others by number; rows without a number come
// last in either direction; a third click restores the study's order.
(() => {
  const other = {ascending: "descending", descending: "ascending"};

  const key = (cell, words) => (words ? cell.textContent : "sort" in cell.dataset ? Number(cell.dataset.sort) : null);

  const compare = (a, b) =>
    typeof a === "string" ? a.localeCompare(b, "en", {numeric: true}) : a - b;

  const sorted = (rows, column, words, direction) => {
    const keyOf = (row) => key(row.cells[column], words);
    const known = rows.filter((row) => keyOf(row) !== null);
    const unknown = rows.filter((row) => keyOf(row) === null);
    const sign = direction === "descending" ? -1 : 1;
    known.sort((a, b) => sign * compare(keyOf(a), keyOf(b)));
    return [...known, ...unknown];
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    const bodies = [...table.tBodies].map((body) => {
      return {body, rows: [...body.rows].filter((row) => !row.classList.contains("section"))};
    });

    const sort = (header, column) => {
      const first = header.dataset.first || "ascending";
      const words = header.classList.contains("label");
      const now = header.getAttribute("aria-sort");
      const next = now === null ? first : now === first ? other[first] : null;
      headers.forEach((each) => each.removeAttribute("aria-sort"));
      if (next !== null) header.setAttribute("aria-sort", next);
      for (const {body, rows} of bodies) body.append(...(next === null ? rows : sorted(rows, column, words, next)));
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

  const mark = (box) => {
    const hidden = box.scrollWidth - box.clientWidth;
    box.classList.toggle("sideways", hidden > 1);
    box.classList.toggle("more", hidden - box.scrollLeft > 1);
  };
  const markAll = () => document.querySelectorAll(".scroll").forEach(mark);
  const markScrolled = ({target}) => target.classList?.contains("scroll") && mark(target);
  document.addEventListener("scroll", markScrolled, {passive: true, capture: true});
  document.addEventListener("tablechange", markAll);  // from the explorer
  addEventListener("resize", markAll);
  document.addEventListener("toggle", markAll, true);
  markAll();

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
})();
