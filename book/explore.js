// The page of all runs: filters, a table, a chart, a record with its texts, a CSV file. Own code rather than Vega and a
// table library, which are 800 KB of script for one chart: this has no dependency, and works from a file.
"use strict";

(() => {
  const { columns, metrics, floor, results, sonnets } = window.RUNS;
  const names = Object.keys(columns);
  const runs = columns.record.map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  const state = { x: "dev_nll", y: "dev_chrf", sort: "test_nll", down: false, all: false };
  const shown = ["base", "method", "teacher", "format", "rank", "learning_rate", "seed", "test_nll", "dev_chrf", "minutes"];
  const $ = (id) => document.getElementById(id);

  function make(tag, fields = {}, ...children) {
    const made = document.createElement(tag);
    Object.assign(made, fields);
    made.append(...children);
    return made;
  }

  function choice(label, options, value, changed) {
    const select = make("select", { className: "form-select form-select-sm" });
    for (const [name, text] of options) select.append(make("option", { value: name, textContent: text }));
    select.value = value;
    select.addEventListener("change", () => changed(select.value));
    select.dataset.name = label;
    return make("label", {}, `${label} `, select);
  }

  const filters = {};
  for (const name of ["chapter", "base", "method", "teacher", "format", "task"]) {
    const values = [...new Set(columns[name])].filter(Boolean).sort();
    $("filters").append(choice(name, [["", "all"], ...values.map((v) => [v, v])], "", (value) => {
      filters[name] = value;
      draw();
    }));
  }
  const axes = [...metrics, "learning_rate", "rank", "items", "minutes"].map((name) => [name, name.replace(/_/g, " ")]);
  for (const axis of ["x", "y"]) $("axes").append(choice(axis, axes, state[axis], (value) => {
    state[axis] = value;
    draw();
  }));

  function chosen() {
    const found = runs.filter((run) => Object.entries(filters).every(([name, value]) => !value || run[name] === value));
    const key = (run) => run[state.sort];
    const empty = (value) => value === null || value === "";
    return found.sort((a, b) => {
      if (empty(key(a)) || empty(key(b))) return empty(key(a)) - empty(key(b));
      return (state.down ? -1 : 1) * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
    });
  }

  function text(value) {
    if (value === null || value === "" || value === 0) return "–";
    return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
  }

  function drawTable(found) {
    const head = $("runs").tHead.rows[0], body = $("runs").tBodies[0];
    head.replaceChildren(...["record", ...shown].map((name) => {
      const button = make("button", { type: "button", textContent: name.replace(/_/g, " ") });
      button.addEventListener("click", () => {
        state.down = state.sort === name && !state.down;
        state.sort = name;
        draw();
      });
      const cell = make("th", { scope: "col" }, button);
      if (state.sort === name) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      return cell;
    }));
    const rows = found.slice(0, state.all ? undefined : 50).map((run) => {
      const button = make("button", { type: "button", className: "open", textContent: keyOf(run) });
      button.addEventListener("click", () => open(run));
      return make("tr", {}, make("th", { scope: "row" }, button),
        ...shown.map((name) => make("td", { textContent: text(run[name]) })));
    });
    body.replaceChildren(...rows);
    $("count").textContent = `${found.length} of ${runs.length} runs` + (rows.length < found.length ? `, the first ${rows.length} are shown` : "");
    $("all").hidden = rows.length === found.length;
  }

  const keyOf = (run) => run.record.match(/([0-9a-f]{8})\.json$/)[1];

  function svg(tag, fields, content = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(fields)) made.setAttribute(name, value);
    made.textContent = content;
    return made;
  }

  function scale(values, from, to) {
    const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
    const place = (value) => from + ((value - low) / span) * (to - from);
    return { place, ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * span) };
  }

  function drawChart(found) {
    const points = found.filter((run) => Number.isFinite(run[state.x]) && Number.isFinite(run[state.y]));
    const chart = $("chart");
    const band = floor[state.y];
    chart.replaceChildren();
    chart.setAttribute("aria-label", `${points.length} runs, ${state.y} by ${state.x}` + (band ? `; band: random training lines, ${text(band[0])} to ${text(band[1])}` : ""));
    if (!points.length) return chart.append(svg("text", { x: 20, y: 40 }, "No run has both of these."));
    const x = scale(points.map((run) => run[state.x]), 60, 380);
    const y = scale([...points.map((run) => run[state.y]), ...(band ?? [])], 250, 15);
    if (band) {
      const top = y.place(band[1]);
      chart.append(svg("rect", { x: 60, width: 320, y: top, height: y.place(band[0]) - top, class: "floor" }));
      chart.append(svg("text", { x: 376, y: top + 12, "text-anchor": "end" }, "random lines"));
    }
    for (const tick of x.ticks) chart.append(svg("text", { x: x.place(tick), y: 268, "text-anchor": "middle" }, text(tick)));
    for (const tick of y.ticks) chart.append(svg("text", { x: 54, y: y.place(tick) + 4, "text-anchor": "end" }, text(tick)));
    chart.append(svg("text", { x: 220, y: 288, "text-anchor": "middle" }, state.x.replace(/_/g, " ")));
    chart.append(svg("text", { x: 4, y: 10 }, state.y.replace(/_/g, " ")));
    for (const run of points) {
      const point = svg("circle", { cx: x.place(run[state.x]), cy: y.place(run[state.y]), r: 4, class: "run" });
      point.append(svg("title", {}, run.record));
      point.addEventListener("click", () => open(run));
      chart.append(point);
    }
  }

  function pairs(title, content) {
    const rows = Object.entries(content).filter(([, value]) => value !== null && value !== "" && typeof value !== "object");
    return make("details", { open: title === "Metrics" }, make("summary", { textContent: title }),
      make("p", { textContent: rows.map(([name, value]) => `${name.replace(/_/g, " ")}: ${value}`).join(" · ") }));
  }

  window.opened = (record) => {
    const place = $("texts");
    place.replaceChildren(pairs("Settings", record.run), pairs("Metrics", record.metrics), pairs("Machine", record.environment));
    if (record.error) place.append(make("p", { textContent: record.error }));
    const written = Object.entries(record.texts).filter(([number]) => sonnets[number]);
    if (!written.length) place.append(make("p", { textContent: "This run wrote no sonnets." }));
    for (const [number, found] of written) {
      const { given, true: ending } = sonnets[number];
      const side = (name, lines) => make("div", {}, make("strong", { textContent: name }), make("pre", { textContent: lines }));
      place.append(make("h3", { textContent: `Sonnet ${number}` }), make("pre", { className: "given", textContent: given }),
        make("div", { className: "beside" }, side("this run", found), side("Shakespeare", ending)));
    }
  };

  function open(run) {
    const path = run.record.split("/").pop();
    $("name").replaceChildren(make("a", { href: results + run.record, textContent: path }));
    $("texts").textContent = "…";
    const script = make("script", { src: `../explore/${keyOf(run)}.js` });
    script.addEventListener("load", () => script.remove());
    document.head.append(script);
    $("record").hidden = false;
    $("record").scrollIntoView();
    $("record").focus();
  }

  function csv(found) {
    const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replace(/"/g, '""')}"` : value ?? "");
    return [names, ...found.map((run) => names.map((name) => quoted(run[name])))].map((row) => row.join(",")).join("\n") + "\n";
  }

  function draw() {
    const found = chosen();
    drawTable(found);
    drawChart(found);
  }

  $("all").addEventListener("click", () => {
    state.all = true;
    draw();
  });
  $("download").addEventListener("click", () => {
    const link = make("a", { download: "runs.csv", href: URL.createObjectURL(new Blob([csv(chosen())], { type: "text/csv" })) });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const asked = new URLSearchParams(location.hash.slice(1)).get("chapter");
  const chapter = asked === "what_breaks" ? "controls" : asked; // the name that its records have
  if (columns.chapter.includes(chapter)) {
    filters.chapter = chapter;
    $("filters").querySelector("select").value = chapter;
  }
  draw();
})();
