"use strict";
// Charts of what is chosen; each is drawn anew by Plotly.react.

// Where nothing hovers the buttons of a chart always show: there they stand above it, not on it.
const TOUCH = matchMedia("(hover: none), (max-width: 720px)"), BUTTONS = 30;

function layout({ above = 12, ...extra }) {
  const axis = {
    gridcolor: cssColour("--grid"), linecolor: cssColour("--line"),
    zerolinecolor: cssColour("--line"), automargin: true,
  };
  return {
    font: { family: "system-ui, sans-serif", size: 12.5, color: cssColour("--ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    legend: { orientation: "h", y: -0.24, x: 0, yanchor: "top" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: cssColour("--muted"), activecolor: cssColour("--accent") },
    hoverlabel: { bgcolor: cssColour("--panel"), bordercolor: cssColour("--line"),
      font: { color: cssColour("--ink") }, align: "left" },
    ...extra,
    margin: { l: 60, r: 14, b: 48, t: above + (TOUCH.matches ? BUTTONS : 0) },
    xaxis: { ...axis, ...extra.xaxis },
    yaxis: { ...axis, ...extra.yaxis },
  };
}

function draw(id, traces, options) {
  const name = `cnnscore-${id}-${chosen.type}`;
  const png = {
    name: "png", title: "Save as PNG", icon: Plotly.Icons.camera,
    click: (div) => Plotly.downloadImage(div, { format: "png", scale: 3, filename: name }),
  };
  return Plotly.react($(id), traces, layout(options), {
    responsive: true, displaylogo: false, displayModeBar: TOUCH.matches ? true : "hover",
    // An explicit list: Plotly's own has one that sends the data to its makers.
    modeBarButtons: [["toImage", png], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { format: "svg", filename: name },
  });
}

function drawCurves() {
  const roc = [];
  const pr = [];
  for (const score of scoresOfType(chosen.type)) {
    const points = score.curve.threshold.map((_, i) => at(score.curve, i));
    const auc = shown(score.metrics.roc_auc.value, 3);
    const common = {
      mode: "lines", line: { color: colour(score.name), dash: dash(score.name), width: 2.2 },
      legendgroup: score.name,
      hovertemplate: "%{fullData.name}<br>score ≥ %{customdata[0]}<br>recall %{customdata[1]}" +
        "<br>precision %{customdata[2]}<br>%{customdata[3]} false calls kept<extra></extra>",
    };
    const custom = points.map((p) => [
      p.threshold === null ? "none" : p.threshold.toPrecision(5), percent(p.recall),
      percent(p.precision), p.false.toLocaleString("en"),
    ]);
    roc.push({
      ...common, name: `${score.name} (${auc})`, x: [0, ...points.map((p) => p.falseRate)],
      y: [0, ...points.map((p) => p.recall)],
      customdata: [["none kept", "0 %", "none", "0"], ...custom],
    });
    pr.push({
      ...common, name: `${score.name} (${shown(score.metrics.average_precision.value, 4)})`,
      x: points.map((p) => p.recall), y: points.map((p) => p.precision), customdata: custom,
    });
    if (score.name === chosen.score) {
      const here = at(score.filter.curve, pointOf(score));
      const mark = {
        mode: "markers", showlegend: false, hoverinfo: "skip", cliponaxis: false,
        marker: { symbol: "diamond", size: 13, color: colour(score.name),
          line: { width: 2, color: cssColour("--panel") } },
      };
      roc.push({ ...mark, x: [here.falseRate], y: [here.recall] });
      pr.push({ ...mark, x: [here.recall], y: [here.precision] });
    }
  }
  roc.push({
    x: [0, 1], y: [0, 1], mode: "lines", showlegend: false, hoverinfo: "skip",
    line: { color: cssColour("--muted"), width: 1, dash: "dot" },
  });
  draw("roc", roc, {
    xaxis: { title: { text: "False calls kept" }, range: [-0.01, 1.01], tickformat: ".0%" },
    yaxis: { title: { text: "True calls kept (recall)" }, range: [0, 1.01], tickformat: ".0%" },
  });
  draw("pr", pr, {
    xaxis: { title: { text: "Recall" }, range: [0, 1.01], tickformat: ".0%" },
    yaxis: { title: { text: "Precision" }, tickformat: ".1~%" },
  });
}

function drawHistogram() {
  const score = scoreOf(chosen.score, chosen.type);
  const table = score.histogram;
  const log = $("log").checked;
  const bars = !table ? [] : ["true", "false"].map((kind) => ({
    type: "bar", name: `${kind} calls`, y: table[kind],
    x: table[kind].map((_, i) => (table.edges[i] + table.edges[i + 1]) / 2),
    width: table.edges[1] - table.edges[0],
    marker: { color: cssColour(`--${kind}`), opacity: 0.72,
      pattern: kind === "false" ? { shape: "/", size: 6, solidity: 0.25,
        bgcolor: cssColour("--false"), fgcolor: cssColour("--panel") } : undefined },
    hovertemplate: `%{y:,} ${kind} calls, score about %{x:.4g}<extra></extra>`,
  }));
  const line = score.filter && score.type !== "ALL" ? at(score.filter.curve, pointOf(score)).threshold : null;
  draw("histogram", bars, {
    barmode: "overlay", bargap: 0,
    xaxis: { title: { text: chosen.score } },
    yaxis: { title: { text: "Calls" }, type: log ? "log" : "linear",
      range: log ? [-0.3, null] : undefined, dtick: log ? 1 : undefined },
    shapes: !Number.isFinite(line) ? [] : [{ type: "line", x0: line, x1: line, yref: "paper", y0: 0, y1: 1,
      line: { color: cssColour("--ink"), width: 1.5, dash: "dash" } }],
  });
}

function drawCalibration() {
  const score = scoreOf(chosen.score, chosen.type);
  const bins = score.calibration;
  const isProbability = bins.some((bin) => bin.predicted !== null);
  const words = { "log-odds": "the score as log-odds", phred: "the score as phred" };
  $("calibration-title").textContent = isProbability
    ? `Calibration: ${words[score.meaning]} against what is true`
    : "Part that is true, by score (this score is no probability)";
  const mixture = score.mixture;
  $("calibration-note").textContent = mixture
    ? `The score is log-odds where ${percent(mixture.calibrated_true)} of the ${score.type}s are true: there it was `
      + `calibrated. Of these calls ${percent(mixture.true)} are true. Hollow: the score `
      + `${mixture.shift < 0 ? "−" : "+"} ${Math.abs(mixture.shift).toFixed(2)}, its log-odds at that share.`
    : "";
  const traces = [{
    mode: "lines+markers", x: bins.map((bin) => (isProbability ? bin.predicted : bin.score)),
    y: bins.map((bin) => bin.observed), showlegend: false,
    error_y: { type: "data", symmetric: false, thickness: 1.2, color: colour(score.name),
      array: bins.map((bin) => Math.max(0, bin.high - bin.observed)),
      arrayminus: bins.map((bin) => Math.max(0, bin.observed - bin.low)) },
    line: { color: colour(score.name), dash: dash(score.name) },
    marker: { size: 8, symbol: symbol(score.name) },
    customdata: bins.map((bin) => [bin.n.toLocaleString("en"), bin.score.toPrecision(4)]),
    hovertemplate: "%{y:.2%} true of %{customdata[0]} calls<br>mean score %{customdata[1]}<extra></extra>",
  }];
  if (mixture) {
    traces.push({ mode: "lines+markers", x: bins.map((bin) => bin.shifted), y: bins.map((bin) => bin.observed),
      showlegend: false, line: { color: colour(score.name), width: 1, dash: "dash" },
      marker: { size: 8, symbol: `${symbol(score.name)}-open` },
      customdata: bins.map((bin) => (bin.score + mixture.shift).toPrecision(4)),
      hovertemplate: "%{y:.2%} true, at this share of false calls %{x:.2%} predicted"
        + "<br>mean log-odds %{customdata}<extra></extra>" });
  }
  if (isProbability) {
    traces.push({ x: [0, 1], y: [0, 1], mode: "lines", showlegend: false, hoverinfo: "skip",
      line: { color: cssColour("--muted"), width: 1, dash: "dot" } });
  }
  draw("calibration", traces, {
    xaxis: { title: { text: isProbability ? "Predicted: true" : `${chosen.score}, mean of the bin` },
      tickformat: isProbability ? ".0%" : "" },
    yaxis: { title: { text: "Observed: true" }, tickformat: ".0~%" },
  });
}

function drawStrata() {
  const metric = $("stratum-metric").value;
  const rows = RESULT.strata.filter((row) => row.type === chosen.type && row.by === chosen.by);
  const strata = [...new Set(rows.map((row) => row.stratum))];
  const names = NAMES.filter((name) => rows.some((row) => row.name === name));
  const traces = names.map((name) => {
    const of = rows.filter((row) => row.name === name && row[metric] !== null);
    return {
      name, mode: "markers", x: of.map((row) => row[metric]), y: of.map((row) => row.stratum),
      marker: { size: 11, symbol: symbol(name), color: colour(name) },
      customdata: of.map((row) => [row.true.toLocaleString("en"), row.false.toLocaleString("en")]),
      hovertemplate: `${name}<br>%{y}: %{x:.4f}<br>%{customdata[0]} true, %{customdata[1]} false<extra></extra>`,
    };
  });
  $("strata-chart").style.height = `${150 + 34 * strata.length}px`;
  draw("strata-chart", traces, {
    xaxis: { title: { text: $("stratum-metric").selectedOptions[0].text } },
    yaxis: { categoryorder: "array", categoryarray: [...strata].reverse(),
      range: [-0.6, strata.length - 0.4] },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, above: 40,
  });
  const head = element("tr", {}, ...["Stratum", "True", "False", ...names].map((text) =>
    element("th", {}, text)));
  const body = strata.map((stratum) => {
    const of = rows.filter((row) => row.stratum === stratum);
    return element("tr", {}, element("th", { scope: "row" }, stratum),
      element("td", {}, of[0].true.toLocaleString("en")),
      element("td", {}, of[0].false.toLocaleString("en")),
      ...names.map((name) =>
        element("td", {}, shown(of.find((row) => row.name === name)?.[metric]))));
  });
  $("strata-table").replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
}

function drawDifferences() {
  const metric = $("difference-metric").value;
  const rows = RESULT.differences.filter((row) =>
    row.type === chosen.type && row.metric === metric && row.value !== null);
  $("differences-none").hidden = rows.length > 0;
  $("differences-chart").hidden = rows.length === 0;
  if (!rows.length) return;
  const label = (row) => `${row.a} − ${row.b}`;
  const clear = (row) => row.low !== null && (row.low > 0 || row.high < 0);
  $("differences-chart").style.height = `${110 + 30 * rows.length}px`;
  draw("differences-chart", [{
    mode: "markers", x: rows.map((row) => row.value), y: rows.map(label), showlegend: false,
    error_x: { type: "data", symmetric: false, color: cssColour("--ink"), thickness: 1.4,
      array: rows.map((row) => (row.high ?? row.value) - row.value),
      arrayminus: rows.map((row) => row.value - (row.low ?? row.value)) },
    marker: { size: 11, color: cssColour("--accent"), symbol: rows.map((row) =>
      (clear(row) ? "circle" : "circle-open")), line: { width: 2 } },
    customdata: rows.map((row) => [row.low === null ? "no interval" :
      `${row.low.toFixed(4)} to ${row.high.toFixed(4)}, p = ${row.p.toFixed(3)}`,
    row.calls.toLocaleString("en")]),
    hovertemplate: "%{y}: %{x:.4f}<br>%{customdata[0]}<br>%{customdata[1]} calls<extra></extra>",
  }], {
    xaxis: { title: { text: "Difference" }, zeroline: true, zerolinewidth: 2,
      zerolinecolor: cssColour("--muted") },
    yaxis: { autorange: "reversed" },
  });
}
