// The explorer: choose what is drawn against what, switch labels on and off, look at a run, copy a table. The choices
// live in the address, so that a view can be sent to someone.
{
  const {data, draw} = window.page;
  const root = document.getElementById("explorer");
  const AXES = {stream: "stream", strategy: "strategy", rule: "rule", base_optimizer: "base optimizer"};
  const LONG = 24;  // rows beyond which the table scrolls in a box
  const COLOURS = Object.values(data.looks).map((look) => look.colour);

  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // ---- runs
  const names = Object.keys(data.columns);
  const runs = data.columns.run.map((_, i) => Object.fromEntries(names.map((name) => [name, data.columns[name][i]])));
  runs.forEach((run) => { run.family = run.rule.split("(")[0]; });
  const done = runs.filter((run) => run.status === "done");
  const varying = Object.keys(AXES).filter((axis) => Object.keys(data.names[axis]).length > 1);
  const nameOf = (axis, label) => (data.names[axis] || data.names.rule)[label] ?? label;
  const percent = (name) => data.metrics[name]?.percent;
  const scaled = (run, name) => (run[name] === null ? null : percent(name) ? 100 * run[name] : run[name]);
  const titleOf = (name) => {
    const title = data.metrics[name]?.title || data.costs[name] || data.settings[name] || AXES[name] || name;
    return percent(name) ? `${title}, %` : title;
  };

  // ---- choices
  const metricNames = Object.keys(data.metrics);
  const first = metricNames.includes("average_accuracy") ? "average_accuracy" : metricNames[0];
  const against = [...new Set(["rule", ...varying, "seed", ...Object.keys(data.settings), ...Object.keys(data.costs), ...metricNames])];
  const families = new Set(runs.map((run) => run.family)).size < Object.keys(data.names.rule).length;
  const colours = families ? ["rule", "family", ...varying.filter((axis) => axis !== "rule")] : ["rule", ...varying.filter((axis) => axis !== "rule")];
  const initial = {
    y: first, x: "rule", panel: varying.includes("strategy") ? "strategy" : varying.includes("stream") ? "stream" : "",
    colour: "rule", columns: ["average_accuracy", "learning_accuracy", "forgetting", "gradient_evaluations"].filter((name) => name in data.columns && (name in data.metrics || name in data.costs)),
    hidden: Object.fromEntries(Object.keys(AXES).map((axis) => [axis, new Set()])), sort: "", find: "",
  };
  const state = {...initial};
  const inAddress = {y: "y", x: "x", panel: "panel", colour: "colour", sort: "sort", find: "find"};

  const toAddress = () => {
    const parts = new URLSearchParams();
    for (const [key, name] of Object.entries(inAddress)) if (state[key] !== initial[key]) parts.set(name, state[key]);
    if (state.columns.join() !== initial.columns.join()) parts.set("columns", state.columns.join(","));
    for (const axis of varying) for (const label of state.hidden[axis]) parts.append(`hide-${axis}`, label);
    const text = parts.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };
  const fromAddress = () => {
    const parts = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    const allowed = {y: metricNames, x: against, panel: ["", ...varying], colour: colours};
    Object.assign(state, initial, {hidden: Object.fromEntries(Object.keys(AXES).map((axis) => [axis, new Set()]))});
    for (const [key, name] of Object.entries(inAddress)) {
      const value = parts.get(name);
      if (value !== null && (!allowed[key] || allowed[key].includes(value))) state[key] = value;
    }
    const columns = (parts.get("columns") || "").split(",").filter((name) => name in data.metrics || name in data.costs);
    if (columns.length) state.columns = columns;
    for (const axis of varying) {
      state.hidden[axis] = new Set(parts.getAll(`hide-${axis}`).filter((label) => label in data.names[axis]));
    }
  };

  const shown = () => done.filter((run) => varying.every((axis) => !state.hidden[axis].has(run[axis])));
  const grouped = (rows, keyOf) => {
    const groups = new Map();
    for (const row of rows) {
      const key = keyOf(row);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    return [...groups.values()];
  };
  const spread = (values) => {
    const known = values.filter((value) => value !== null && Number.isFinite(value));
    const n = known.length;
    const mean = n ? known.reduce((a, b) => a + b, 0) / n : null;
    if (n < 2) return {n, mean, std: null, low: null, high: null};
    const std = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
    const half = (data.quantiles[n - 2] ?? 1.96) * std / Math.sqrt(n);
    return {n, mean, std, low: mean - half, high: mean + half};
  };

  // ---- the chart
  const chartBox = make("div", {className: "chart", tabIndex: 0});
  chartBox.setAttribute("role", "img");
  const chart = () => {
    const {x, y, panel, colour} = state;
    const nominal = x in AXES, discrete = nominal || x === "seed" || x in data.settings;
    const row = (run) => ({
      run: run.run, seed: run.seed, panel: panel ? nameOf(panel, run[panel]) : "", colour: nameOf(colour, run[colour]),
      rule: nameOf("rule", run.rule), strategy: nameOf("strategy", run.strategy), stream: nameOf("stream", run.stream),
      x: nominal ? nameOf(x, run[x]) : scaled(run, x), y: scaled(run, y),
    });
    const points = shown().map(row).filter((point) => point.y !== null && point.x !== null);
    const means = grouped(points, (p) => JSON.stringify([p.panel, p.colour, discrete && x !== "seed" ? p.x : ""]))
      .filter(() => x !== "seed")
      .map((group) => {
        const {mean, low, high, n} = spread(group.map((p) => p.y));
        const middle = discrete ? group[0].x : spread(group.map((p) => p.x)).mean;
        return {...group[0], run: null, seed: null, x: middle, y: mean, low, high, seeds: n};
      });
    const colourLabels = [...new Set(done.map((run) => run[colour]))];
    const order = Object.keys(data.names[colour === "family" ? "rule" : colour]).filter((label) => colourLabels.includes(label));
    const domain = (colour === "family" ? colourLabels : order).map((label) => nameOf(colour, label));
    const ranges = (colour === "family" ? colourLabels : order).map((label, i) => (colour === "rule" ? data.looks[label].colour : COLOURS[i % COLOURS.length]));
    const C = {field: "colour", type: "nominal", scale: {domain, range: ranges}, legend: colour === "rule" && x === "rule" ? null : {title: null, orient: "bottom", labelLimit: 400}};
    const values = points.map((point) => point.x);
    const wide = !nominal && x in data.settings && Math.min(...values) > 0 && Math.max(...values) >= 8 * Math.min(...values);
    const X = nominal
      ? {field: "x", type: "nominal", title: null, sort: Object.keys(data.names[x]).map((label) => nameOf(x, label)), axis: {labelAngle: -35, labelLimit: 170, labelOverlap: false, grid: false}}
      : {field: "x", type: "quantitative", title: titleOf(x), scale: wide ? {type: "log", padding: 8} : {zero: false, padding: 8}};
    const Y = {field: "y", type: "quantitative", title: titleOf(y), scale: {zero: false, padding: 6}};
    const tip = [["rule", "rule"], ["strategy", "strategy"], ["seed", "seed"], ["run", "run"]].map(([field, title]) => ({field, title}));
    const yTip = {field: "y", title: titleOf(y), format: percent(y) ? ".1f" : ".4~g"};
    const ofMeans = [
      {transform: [{filter: "!isValid(datum.run) && isValid(datum.low)"}], mark: {type: "rule", strokeWidth: 2}, encoding: {x: X, y: {...Y, field: "low"}, y2: {field: "high"}, color: C}},
      {transform: [{filter: "!isValid(datum.run)"}], mark: {type: "point", filled: true, size: 110, opacity: 1}, encoding: {x: X, y: Y, color: C, tooltip: [tip[0], tip[1], {field: "seeds"}, yTip]}},
    ];
    if (x in data.settings) ofMeans.unshift({transform: [{filter: "!isValid(datum.run)"}], mark: {type: "line", opacity: 0.6}, encoding: {x: X, y: Y, color: C}});
    const ofRuns = {transform: [{filter: "isValid(datum.run)"}], mark: {type: "point", filled: true, size: 30, opacity: 0.55, cursor: "pointer"}, encoding: {x: X, y: Y, color: C, tooltip: [...tip, yTip]}};
    const layers = [...(means.length ? ofMeans : []), ofRuns];  // runs on top, so that each can be pressed
    const panelNames = panel ? Object.keys(data.names[panel]).map((label) => nameOf(panel, label)).filter((name) => points.some((point) => point.panel === name)) : [];
    const datasets = {rows: [...points, ...means]};
    chartBox.setAttribute("aria-label", `${titleOf(y)} against ${titleOf(x)}: ${points.length} runs`);
    if (panelNames.length < 2) return {data: {name: "rows"}, width: 2000, height: 300, layer: layers, datasets, title: panelNames[0] || undefined};
    return {
      data: {name: "rows"}, datasets, usermeta: {panels: panelNames.length}, columns: 1,
      facet: {field: "panel", type: "nominal", sort: panelNames, header: {title: null}},
      resolve: {scale: {x: nominal ? "shared" : "independent", y: "independent"}, axis: {x: "independent"}}, spec: {layer: layers},
    };
  };

  // ---- one run
  const dialog = make("dialog");
  dialog.setAttribute("aria-label", "One run");
  const show = (id) => {
    const run = runs.find((each) => each.run === id);
    if (!run) return;
    const matrix = data.matrices[id];
    const close = make("button", {type: "button", textContent: "Close", onclick: () => dialog.close()});
    const head = ["stream", "strategy", "rule", "base_optimizer"].map((axis) => nameOf(axis, run[axis])).join(" · ");
    dialog.replaceChildren(make("h3", {textContent: `${head} · seed ${run.seed}`}), make("p", {className: "notes", textContent: `run ${id}, ${run.status}${data.messages[id] ? `: ${data.messages[id]}` : ""}`}));
    if (matrix) {
      const box = make("div", {className: "scroll"}), table = make("table", {className: "matrix"});
      const header = make("tr", {}, make("th", {textContent: "after \\ on"}), ...matrix.map((_, j) => make("th", {textContent: j})));
      const rows = matrix.map((row, i) => make("tr", {}, make("th", {textContent: i}), ...row.map((accuracy) => {
        const cell = make("td", {textContent: accuracy === null ? "" : (100 * accuracy).toFixed(1)});
        if (accuracy !== null) cell.style.setProperty("--share", accuracy);
        return cell;
      })));
      table.append(make("caption", {textContent: "Accuracy on experience j (column) after training on experience i (row), %"}), header, ...rows);
      box.append(table);
      dialog.append(box);
    }
    const facts = make("dl");
    for (const name of [...metricNames, ...Object.keys(data.costs)]) {
      if (run[name] !== null) facts.append(make("div", {}, make("dt", {textContent: titleOf(name)}), make("dd", {textContent: Number(scaled(run, name).toPrecision(4))})));
    }
    const settings = make("ul", {className: "plain"}, ...(data.used[id] || []).map((i) => make("li", {textContent: data.parts[i]})));
    dialog.append(make("details", {}, make("summary", {textContent: "Numbers"}), facts), make("details", {open: true}, make("summary", {textContent: "Settings"}), settings));
    if (data.logs && data.used[id]) {
      const path = `runs/${id}/log.txt`;
      dialog.append(make("p", {className: "notes"}, "Log, beside this page: ", make("a", {href: path, textContent: path, target: "_blank", rel: "noopener"})));
    }
    dialog.append(close);
    if (!dialog.open) dialog.showModal();
  };
  const choose = (group, title) => {
    const list = make("div", {className: "chips"}, ...group.map((run) => make("button", {
      type: "button", textContent: `seed ${run.seed}${run[state.y] === null ? "" : `: ${Number(scaled(run, state.y).toPrecision(4))}`}`, onclick: () => show(run.run),
    })));
    const close = make("button", {type: "button", textContent: "Close", onclick: () => dialog.close()});
    dialog.replaceChildren(make("h3", {textContent: title}), make("p", {className: "notes", textContent: `${titleOf(state.y)} of each run; press one for its accuracy matrix, settings and log.`}), list, close);
    dialog.showModal();
  };

  // ---- the table
  const format = (name, {mean, std}) => {
    if (mean === null) return "-";
    const digits = percent(name) ? 1 : Math.abs(mean) >= 100 ? 0 : 2;
    return std === null || name in data.costs ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${std.toFixed(digits)}`;
  };
  const labelColumns = () => (varying.length ? varying : ["rule"]);
  const tableRows = () => {
    const words = state.find.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = grouped(shown(), (run) => JSON.stringify(Object.keys(AXES).map((axis) => run[axis]))).map((group) => ({
      labels: labelColumns().map((axis) => nameOf(axis, group[0][axis])), seeds: group.length, runs: group,
      cells: state.columns.map((name) => spread(group.map((run) => scaled(run, name)))),
    })).filter((row) => words.every((word) => row.labels.join(" ").toLowerCase().includes(word)));
    const [name, direction] = state.sort.split(":");
    const column = state.columns.indexOf(name);
    if (column >= 0) rows.sort((a, b) => (direction === "down" ? -1 : 1) * ((a.cells[column].mean ?? Infinity) - (b.cells[column].mean ?? Infinity)));
    return rows;
  };
  const asText = (kind) => {
    const heads = [...labelColumns().map((axis) => AXES[axis]), "seeds", ...state.columns.map(titleOf)];
    const rows = tableRows();
    if (kind === "csv") {
      const quote = (text) => {
        const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text;
        return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
      };
      const wide = state.columns.flatMap((name) => [titleOf(name), `${titleOf(name)} (sd)`]);
      const lines = rows.map((row) => [...row.labels, row.seeds, ...row.cells.flatMap(({mean, std}) => [mean ?? "", std ?? ""])]);
      return [[...heads.slice(0, -state.columns.length), ...wide], ...lines].map((line) => line.map((cell) => quote(String(cell))).join(",")).join("\n");
    }
    const special = {"\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "%": "\\%", "&": "\\&", "#": "\\#", "_": "\\_", $: "\\$", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "±": "$\\pm$", "α": "$\\alpha$", "ρ": "$\\rho$", "λ": "$\\lambda$", "η": "$\\eta$"};
    const tex = (text) => String(text).replace(/[\\{}%&#_$~^±αρλη]/g, (character) => special[character]);
    const lines = rows.map((row) => [...row.labels, row.seeds, ...row.cells.map((cell, i) => format(state.columns[i], cell))].map(tex).join(" & "));
    return ["\\begin{tabular}{" + "l".repeat(labelColumns().length) + "r".repeat(state.columns.length + 1) + "}", "\\toprule", heads.map(tex).join(" & ") + " \\\\", "\\midrule", ...lines.map((line) => `${line} \\\\`), "\\bottomrule", "\\end{tabular}"].join("\n");
  };
  const tableBox = make("div", {className: "scroll table", tabIndex: 0});
  const drawTable = () => {
    const head = make("tr", {}, ...labelColumns().map((axis) => make("th", {className: "label", scope: "col", textContent: AXES[axis]})), make("th", {scope: "col", textContent: "seeds"}));
    for (const name of state.columns) {
      const [sorted, direction] = state.sort.split(":");
      const button = make("button", {type: "button", textContent: titleOf(name), onclick: () => {
        state.sort = sorted !== name ? `${name}:down` : direction === "down" ? `${name}:up` : "";
        update();
      }});
      const cell = make("th", {scope: "col"}, button);
      if (sorted === name) cell.setAttribute("aria-sort", direction === "down" ? "descending" : "ascending");
      head.append(cell);
    }
    const rows = tableRows();
    tableBox.classList.toggle("long", rows.length > LONG);
    const body = make("tbody", {}, ...rows.map((row) => make("tr", {},
      ...row.labels.map((label, i) => make(i ? "td" : "th", {className: "label", textContent: label})),
      make("td", {}, make("button", {type: "button", className: "runs", textContent: row.seeds, title: "Choose one of these runs", onclick: () => choose(row.runs, row.labels.join(" · "))})), ...row.cells.map((cell, i) => make("td", {textContent: format(state.columns[i], cell)})))));
    tableBox.replaceChildren(make("table", {}, make("thead", {}, head), body));
    document.dispatchEvent(new Event("tablechange"));
  };

  // ---- controls
  const select = (title, key, options, text = titleOf) => {
    const control = make("select", {onchange: () => { state[key] = control.value; update(); }},
      ...options.map((value) => make("option", {value, textContent: value === "" ? "none" : value === "family" ? "rule without settings" : text(value)})));
    control.dataset.key = key;
    return make("label", {}, title, control);
  };
  const chips = (axis) => {
    const group = make("div", {className: "chips"}, make("span", {textContent: axis === "strategy" ? "strategies" : `${AXES[axis]}s`}));
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", `Show ${AXES[axis]}`);
    for (const label of Object.keys(data.names[axis])) {
      const chip = make("button", {type: "button", className: "chip", textContent: nameOf(axis, label), onclick: () => {
        if (!state.hidden[axis].delete(label)) state.hidden[axis].add(label);
        update();
      }});
      chip.dataset.axis = axis;
      chip.dataset.label = label;
      if (axis === "rule") chip.style.setProperty("--colour", data.looks[label].colour);
      group.append(chip);
    }
    return group;
  };
  const copied = (button, text) => {
    const before = button.textContent;
    (navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject(new Error())).then(
      () => { button.textContent = "Copied"; },
      () => { output.hidden = false; output.value = text; output.select(); button.textContent = "Copy it below"; },
    ).finally(() => setTimeout(() => { button.textContent = before; }, 1500));
  };
  const output = make("textarea", {hidden: true, readOnly: true, rows: 6});
  output.setAttribute("aria-label", "Text to copy");
  const action = (text, what) => {
    const button = make("button", {type: "button", textContent: text, onclick: () => copied(button, what())});
    return button;
  };
  const find = make("input", {type: "search", placeholder: "filter rows", oninput: () => { state.find = find.value; update(); }});
  find.setAttribute("aria-label", "Filter the rows of the table");
  const columnChoice = make("details", {className: "columns"}, make("summary", {textContent: "Columns"}));
  for (const name of [...metricNames, ...Object.keys(data.costs)]) {
    const box = make("input", {type: "checkbox", onchange: () => {
      const chosen = [...columnChoice.querySelectorAll("input")].filter((each) => each.checked).map((each) => each.value);
      state.columns = chosen.length ? chosen : initial.columns;
      update();
    }, value: name});
    columnChoice.append(make("label", {}, box, ` ${titleOf(name)}`));
  }

  const update = (keep = true) => {
    if (keep) toAddress();
    for (const control of root.querySelectorAll("select")) control.value = state[control.dataset.key];
    for (const chip of root.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", !state.hidden[chip.dataset.axis].has(chip.dataset.label));
    for (const box of columnChoice.querySelectorAll("input")) box.checked = state.columns.includes(box.value);
    if (find.value !== state.find) find.value = state.find;
    draw(chartBox, chart(), (datum) => datum.run && show(datum.run));
    drawTable();
  };

  if (root && done.length && metricNames.length) {
    root.append(
      make("div", {className: "controls"}, select("metric", "y", metricNames), select("against", "x", against),
        select("panels", "panel", ["", ...varying]), select("colour", "colour", colours),
        action("Copy link to this view", () => location.href)),
      ...varying.map(chips), chartBox,
      make("p", {className: "notes", textContent: "Large points are means with 95 % intervals (Student's t), small ones single runs: hover over one for its numbers, press it, or the number of seeds in the table, for its accuracy matrix, settings and log."}),
      make("div", {className: "controls"}, find, columnChoice, action("Copy as CSV", () => asText("csv")), action("Copy as LaTeX", () => asText("latex"))),
      tableBox, output, dialog,
    );
    root.closest("section").hidden = false;
    fromAddress();
    update(false);
    addEventListener("hashchange", () => {
      if (location.hash.includes("=")) { fromAddress(); update(false); }
    });
  }
}
