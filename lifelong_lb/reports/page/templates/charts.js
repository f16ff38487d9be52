// Draws the charts of the page in the width there is and in the colours of the browser.
{
  const FONT = 12, AXIS = 4.4 * FONT, NARROWEST = 11 * FONT, MOST_COLUMNS = 3, MOST_SVG = 1500;
  const read = (id) => JSON.parse(document.getElementById(id)?.textContent || "{}");
  const data = read("data"), charts = read("charts");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const legendColumns = (width) => {
    const longest = Math.max(1, ...Object.values(data.names.rule).map((name) => name.length));
    return Math.max(1, Math.floor(width / (FONT * (0.55 * longest + 3))));
  };

  const panels = (number, width) => {
    const columns = Math.max(1, Math.min(number, MOST_COLUMNS, Math.floor(width / (NARROWEST + AXIS))));
    return [columns, Math.floor(width / columns - AXIS)];
  };

  const fitted = (spec, width) => {
    const number = spec.usermeta?.panels;
    if (spec.facet && number) {
      const [columns, plot] = panels(number, width);
      const height = Math.round(Math.min(0.75 * plot, 19 * FONT));
      return {...spec, columns, spec: {...spec.spec, width: plot, height}};
    }
    return typeof spec.width === "number" ? {...spec, width: Math.min(spec.width, Math.floor(width - AXIS))} : spec;
  };

  const drawn = new Map();
  const draw = async (box, spec, clicked) => {
    const width = box.clientWidth;
    if (!width) return;
    const look = data.config[dark.matches ? "dark" : "light"];
    const config = {...look, legend: {...look.legend, columns: legendColumns(width)}};
    const many = Object.values(spec.datasets || {}).some((rows) => rows.length > MOST_SVG);
    drawn.get(box)?.view?.finalize();
    drawn.set(box, {spec, clicked, width});
    const {view} = await window.vegaEmbed(box, {...fitted(spec, width), config}, {
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

  const drawAll = (root) => {
    for (const box of root.querySelectorAll("[data-chart]")) {
      if (!drawn.has(box) && charts[box.dataset.chart]) draw(box, charts[box.dataset.chart]);
    }
  };
  document.addEventListener("toggle", (event) => event.target.open && drawAll(event.target), true);
  window.page = {data, draw};
  drawAll(document);
}
