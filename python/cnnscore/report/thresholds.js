"use strict";
// A slider for each type over the thresholds of a score, its tranches, and the filter command.

function buildSliders() {
  $("sliders").replaceChildren(...TYPES.map((type) => {
    const score = scoreOf(chosen.score, type);
    const title = type === "SNP" ? "SNPs" : "Indels";
    if (!score.filter) {
      return element("div", { class: "slider" }, element("h3", {}, title),
        element("p", { class: "note" }, "No call of this type has the score."));
    }
    const last = score.filter.curve.threshold.length - 1;
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
    const body = score.filter.tranches.map((tranche, index) => {
      const row = element("tr", { "data-index": index, tabindex: 0, role: "button" },
        element("td", {}, `${tranche.sensitivity} %`),
        element("td", {}, tranche.threshold === null ? "all calls" : shown(tranche.threshold, 3)),
        element("td", {}, tranche.true.toLocaleString("en")),
        element("td", {}, tranche.false.toLocaleString("en")),
        element("td", {}, percent(tranche.precision)));
      const choose = () => {
        choosePoint(score, pointOfTrue(score.filter.curve, tranche.true));
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
    if (score.filter) showPoint(score);
  }
  showCommand();
}

function showPoint(score) {
  const here = at(score.filter.curve, pointOf(score));
  const part = (text, value) => element("div", {}, element("b", {}, value), text);
  $(`readout-${score.type}`).replaceChildren(
    part("score at least", here.threshold === null ? "all calls" : here.threshold.toPrecision(4)),
    part(`recall: ${here.true.toLocaleString("en")} true`, percent(here.recall)),
    part(`precision: ${here.false.toLocaleString("en")} false`, percent(here.precision)),
    part("false calls removed", here.falseRate === null ? "none" : percent(1 - here.falseRate)),
  );
  for (const row of $(`tranches-${score.type}`).querySelectorAll("tr[data-index]")) {
    const tranche = score.filter.tranches[Number(row.dataset.index)];
    row.classList.toggle("chosen", pointOfTrue(score.filter.curve, tranche.true) === pointOf(score));
  }
  showCommand();
}

// What keeps just the calls that the readouts count: a call without a score ranks below all others.
function showCommand() {
  const of = TYPES.map((type) => scoreOf(chosen.score, type)).filter((score) => score.filter);
  const key = of[0]?.filter.key;
  const thresholds = of.flatMap((score) => {
    const { threshold } = at(score.filter.curve, pointOf(score));
    return threshold === null ? [] : ["--threshold", `${score.type}=${threshold}`.replace("Infinity", "inf")];
  });
  const able = Boolean(key) && thresholds.length > 0;
  if (able) {
    const calls = RESULT.inputs.calls.find((file) => file.name === of[0].file);
    const filters = calls.filtered ? ["--invalidate-previous-filters"] : [];
    const words = ["cnnscore", "filter", calls.path, "--info-key", key, ...thresholds, "--unscored", "fail",
      ...filters, "-o", "filtered.vcf.gz", "-W"];
    $("command").textContent = words.map(quote).join(" ");
  } else {
    $("command").textContent = "";
  }
  $("copy").hidden = !able;
  $("command-note").textContent = key
    ? "" : "cnnscore filter takes QUAL, or an INFO key of one number or one per allele, high for true calls.";
  if (key && !able) $("command-note").textContent = "All calls are kept: there is nothing to filter.";
}

function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
