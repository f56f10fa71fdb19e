"use strict";
// Controls, and what each of them draws anew.

function redrawPoint() {
  drawCurves();
  drawHistogram();
}

function redraw() {
  document.body.dataset.type = chosen.type;
  for (const button of document.querySelectorAll("[data-set-type]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setType === chosen.type));
  }
  for (const swatch of document.querySelectorAll(".swatch")) {
    swatch.style.borderTopColor = colour(swatch.dataset.score);
    swatch.style.borderTopStyle = { solid: "solid", dot: "dotted" }[dash(swatch.dataset.score)] ?? "dashed";
  }
  const none = RESULT.scores.some((score) =>
    score.type === chosen.type && score.metrics.roc_auc.value === null);
  document.querySelector(".none-note").hidden = !none;
  drawCurves();
  drawHistogram();
  drawCalibration();
  drawStrata();
  drawDifferences();
  showMistakes();
}

function showMistakes() {
  const score = scoreOf(chosen.score, chosen.type);
  $("viewer-name").textContent = RESULT.viewer;
  for (const kind of ["false", "true"]) {
    const rows = score.mistakes[kind].map((mistake) => {
      const { contig, pos, ref, alt } = mistake;
      const short = (bases) => (bases.length > 14 ? `${bases.slice(0, 10)}… (${bases.length})` : bases);
      const hash = [contig, pos, ref, alt].map(encodeURIComponent).join(":");
      const link = element("a", { href: `${RESULT.viewer}#${hash}`, title: mistake.site },
        `${contig}:${pos} ${short(ref)}→${short(alt)}`);
      return element("tr", {}, element("td", {}, link), element("td", {}, mistake.score.toPrecision(5)));
    });
    const head = element("tr", {}, element("th", {}, "Site"), element("th", {}, chosen.score));
    const empty = element("tr", {}, element("td", { colspan: 2 }, `There are no ${kind} calls.`));
    $(`${kind}-calls`).replaceChildren(element("thead", {}, head),
      element("tbody", {}, ...(rows.length ? rows : [empty])));
  }
}

function chooseScore(name) {
  chosen.score = name;
  for (const select of document.querySelectorAll("#score, .same-score")) select.value = name;
  buildSliders();
  redraw();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

function start() {
  for (const select of document.querySelectorAll("#score, .same-score")) {
    select.append(...NAMES.map((name) => element("option", { value: name }, name)));
    select.addEventListener("change", () => chooseScore(select.value));
  }
  const by = [...new Set(RESULT.strata.map((row) => row.by))];
  chosen.by = by[0] ?? null;
  $("by").append(...by.map((name) => element("option", { value: name }, name)));
  $("by").addEventListener("change", () => {
    chosen.by = $("by").value;
    drawStrata();
  });
  for (const button of document.querySelectorAll("[data-set-type]")) {
    button.addEventListener("click", () => {
      chosen.type = button.dataset.setType;
      redraw();
    });
  }
  $("theme").addEventListener("click", () => {
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    redraw();
  });
  TOUCH.addEventListener("change", redraw);
  $("log").addEventListener("change", drawHistogram);
  $("stratum-metric").addEventListener("change", drawStrata);
  $("difference-metric").addEventListener("change", drawDifferences);
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("command").textContent);
      $("copy").textContent = "Copied";
    } catch { // not allowed in this browser: select it for the user to copy
      getSelection().selectAllChildren($("command"));
      $("copy").textContent = "Press Ctrl+C";
    }
    setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
  });
  chooseScore(chosen.score);
  document.documentElement.dataset.ready = "true";
}

async function loadLibrary() {
  const packed = Uint8Array.from(atob($("library").textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
loadLibrary().then(start);
