"use strict";
// A slider for each type over the thresholds of a score, its tranches, and the filter command.

function buildSliders() {
  $("sliders").replaceChildren(...TYPES.map((type) => {
    const score = scoreOf(chosen.score, type);
    const title = type === "SNP" ? "SNPs" : "Indels";
    if (!score.curve) {
      return element("div", { class: "slider" }, element("h3", {}, title),
        element("p", { class: "note" }, "No call of this type has the score."));
    }
    const last = score.curve.threshold.length - 1;
    const input = element("input", { type: "range", min: 0, max: last, step: 1,
      id: `slider-${type}`, "aria-label": `Threshold of ${title}` });
    // Right is strict: few calls kept.
    input.value = last - pointOf(score);
    input.addEventListener("input", () => {
      choosePoint(score, last - Number(input.value));
      showPoint(score);
      redrawPoint();
    });
    const readout = element("div", { class: "readout", id: `readout-${type}` });
    const head = element("tr", {}, ...["Sensitivity", "Threshold", "True", "False", "Precision"].map(
      (text) => element("th", {}, text)));
    const body = score.tranches.map((tranche, index) => {
      const row = element("tr", { "data-index": index, tabindex: 0, role: "button" },
        element("td", {}, `${tranche.sensitivity} %`),
        element("td", {}, tranche.threshold === null ? "all calls" : shown(tranche.threshold, 3)),
        element("td", {}, tranche.true.toLocaleString("en")),
        element("td", {}, tranche.false.toLocaleString("en")),
        element("td", {}, percent(tranche.precision)));
      const choose = () => {
        choosePoint(score, nearestPoint(score, tranche));
        input.value = last - pointOf(score);
        showPoint(score);
        redrawPoint();
      };
      row.addEventListener("click", choose);
      row.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          choose();
        }
      });
      return row;
    });
    const table = element("table", { id: `tranches-${type}` }, element("thead", {}, head),
      element("tbody", {}, ...body));
    return element("div", { class: "slider" }, element("h3", {}, title), input, readout, table);
  }));
  for (const type of TYPES) {
    const score = scoreOf(chosen.score, type);
    if (score.curve) showPoint(score);
  }
  showCommand();
}

// The first point of the (thinned) curve that keeps what the tranche keeps.
function nearestPoint(score, tranche) {
  const found = score.curve.true.findIndex((kept) => kept >= tranche.true);
  return found < 0 ? score.curve.true.length - 1 : found;
}

function showPoint(score) {
  const here = at(score, pointOf(score));
  const part = (text, value) => element("div", {}, element("b", {}, value), text);
  $(`readout-${score.type}`).replaceChildren(
    part("score at least", here.threshold === null ? "all calls" : here.threshold.toPrecision(4)),
    part(`recall: ${here.true.toLocaleString("en")} true`, percent(here.recall)),
    part(`precision: ${here.false.toLocaleString("en")} false`, percent(here.precision)),
    part("false calls removed", here.falseRate === null ? "none" : percent(1 - here.falseRate)),
  );
  for (const row of $(`tranches-${score.type}`).querySelectorAll("tr[data-index]")) {
    const tranche = score.tranches[Number(row.dataset.index)];
    row.classList.toggle("chosen", nearestPoint(score, tranche) === pointOf(score));
  }
  showCommand();
}

function showCommand() {
  const score = scoreOf(chosen.score, "SNP");
  const calls = RESULT.inputs.calls.find((file) => file.name === score.file).path;
  const words = ["cnnscore", "filter", quote(calls), "--info-key", score.key];
  for (const type of TYPES) {
    const of = scoreOf(chosen.score, type);
    const threshold = of.curve ? at(of, pointOf(of)).threshold : null;
    if (threshold !== null) words.push("--threshold", `${type}=${threshold}`);
  }
  const able = words.includes("--threshold") && !/[-/]/.test(score.key) &&
    !words.some((word) => word.endsWith("Infinity"));
  $("command").textContent = able ? [...words, "-o", "filtered.vcf.gz", "-W"].join(" ") : "";
  $("copy").hidden = !able;
  $("command-note").textContent = able
    ? "" : "cnnscore filter takes QUAL or an INFO key, and a finite threshold of at least one type.";
}

function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
