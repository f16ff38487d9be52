// Draws the charts of the page in the width there is and in the colours of the browser.
{
  const FONT = 12, MOST_SVG = 1500;
  const USUAL = {axis: 4.4, narrowest: 11, widest: 56, most: 3, ratio: 0.75, highest: 15.5, lines: 0};
  const read = (id) => JSON.parse(document.getElementById(id)?.textContent || "{}");
  const data = read("data"), charts = read("charts");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const longestRule = Math.max(1, ...Object.values(data.names?.rule || {}).map((name) => name.length));

  // Rows of a dataset that is stored column by column.
  const unpacked = ({rows, columns}) => {
    const restored = Array.from({length: rows}, () => ({}));
    for (const [name, column] of Object.entries(columns)) {
      if (Array.isArray(column)) column.forEach((value, i) => { restored[i][name] = value; });
      else if (column.of) column.at.forEach((k, i) => { restored[i][name] = column.of[k]; });
      else column.rows.forEach((i, k) => { restored[i][name] = column.values[k]; });
    }
    return restored;
  };
  for (const spec of Object.values(charts)) {
    spec.datasets = Object.fromEntries(Object.entries(spec.datasets).map(([name, packed]) => [name, unpacked(packed)]));
  }

  const legendColumns = (width, longest) => Math.max(1, Math.floor((width / FONT - 5) / (0.55 * longest + 3)));

  const panels = (grid, width) => {
    const axis = grid.axis * FONT, gap = FONT;
    const fit = Math.floor((width + gap) / (grid.narrowest * FONT + axis + gap));
    const columns = Math.max(1, Math.min(grid.panels, grid.most, fit));
    const plot = Math.floor(Math.min((width + gap) / columns - gap - axis, grid.widest * FONT));
    return [columns, plot, Math.round(grid.lines ? 1.7 * FONT * grid.lines : Math.min(grid.ratio * plot, grid.highest * FONT))];
  };

  const fitted = (spec, width) => {
    if (!spec.facet || !spec.usermeta?.panels) {
      return typeof spec.width === "number" ? {...spec, width: Math.min(spec.width, Math.floor(width - USUAL.axis * FONT))} : spec;
    }
    const grid = {...USUAL, ...spec.usermeta};
    const [columns, plot, height] = panels(grid, width - 28);
    const header = {...spec.facet.header, labelLimit: plot + 2 * FONT};
    return {...spec, columns, spacing: FONT, facet: {...spec.facet, header}, spec: {...spec.spec, width: plot, height}};
  };

  const drawn = new Map();
  const draw = async (box, spec, clicked) => {
    const width = box.clientWidth;
    if (!width) return;
    const look = data.config[dark.matches ? "dark" : "light"];
    const columns = legendColumns(width, spec.usermeta?.longest || longestRule);
    const config = {...look, legend: {...look.legend, columns, gradientLength: 180, labelLimit: width - 8 * FONT}};
    const many = Object.values(spec.datasets || {}).some((rows) => rows.length > MOST_SVG);
    drawn.get(box)?.view?.finalize();
    drawn.set(box, {spec, clicked, width});
    const description = box.getAttribute("aria-label");  // Vega puts it back
    const {view} = await window.vegaEmbed(box, {...fitted(spec, width), description, config}, {
      actions: false, ast: true, logLevel: 1, renderer: many ? "canvas" : "svg", tooltip: {theme: dark.matches ? "dark" : "light"},
    });
    if (clicked) view.addEventListener("click", (_, item) => item?.datum && clicked(item.datum));
    drawn.set(box, {spec, clicked, width, view});
  };

  const again = (always) => drawn.forEach(({spec, clicked, width}, box) => {
    if (always || box.clientWidth !== width) draw(box, spec, clicked);
  });
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(again, 150); });
  dark.addEventListener("change", () => again(true));

  const drawAll = async (root) => {
    for (const box of root.querySelectorAll("[data-chart]")) {
      if (drawn.has(box) || !charts[box.dataset.chart]) continue;
      await draw(box, charts[box.dataset.chart]);
      await new Promise((resolve) => setTimeout(resolve));  // the page stays usable meanwhile
    }
  };
  document.addEventListener("toggle", (event) => event.target.open && drawAll(event.target), true);
  window.page = {data, draw};
  drawAll(document);
}
