// What stands beside the picture: score, probabilities, inputs with their effects, the record.

const LABEL_NAMES = {
  SNP: "real SNP", INDEL: "real indel", NOT_SNP: "SNP artefact", NOT_INDEL: "indel artefact",
};
const AXIS = [-16, 16]; // GATK's formula ends at -16.118 below
const FLOOR = 1e-12;

function showPanel(panel, row, site) {
  panel.replaceChildren(
    scoreSection(row, site), inputSection(site), readSection(row, site), recordSection(row, site));
}

function section(title, ...children) {
  return make("section", {}, make("h2", { text: title }), ...children);
}

function scoreSection(row, site) {
  const children = [scoreAxis(row.score)];
  const believed = row.score === null ? "no score" : row.score > 0 ? "believed" : "doubted";
  const truth = { 1: "true in the truth set", 0: "false: not in the truth set" }[row.label];
  const wrong = truth && row.score !== null && (row.score > 0) !== (row.label === 1);
  const verdict = make("p", { className: "verdict" },
    make("strong", { className: "big", text: number(row.score) }), ` ${believed}`);
  if (truth) verdict.append(" · ", make("span", { className: wrong ? "wrong" : "right",
    text: `${wrong ? "✗" : "✓"} ${truth}` }));
  children.unshift(verdict);
  if (row.in_file !== null && row.in_file !== undefined
    && Math.abs(Number(row.in_file) - row.score) > .0015)
    children.push(make("p", { className: "note",
      text: `The file says ${NETWORK.info_key}=${row.in_file}: another network, or other reads.` }));
  if (site.output.length === NETWORK.labels.length && site.output.length > 1)
    children.push(probabilities(site.output));
  return section(`Score ${NETWORK.info_key}`, ...children);
}

function scoreAxis(score) {
  const axis = make("div", { className: "axis" }, make("i", { className: "zero" }));
  if (score === null) return axis;
  const part = (Math.max(AXIS[0], Math.min(AXIS[1], score)) - AXIS[0]) / (AXIS[1] - AXIS[0]);
  const bar = make("i", { className: score > 0 ? "for" : "against" });
  bar.style.left = `${Math.min(part, .5) * 100}%`;
  bar.style.width = `${Math.abs(part - .5) * 100}%`;
  axis.append(bar);
  return axis;
}

function probabilities(output) {
  const table = make("table", { className: "bars" });
  const order = NETWORK.labels.filter((label) => !label.startsWith("NOT_"));
  for (const label of order.flatMap((label) => [label, `NOT_${label}`])) {
    const value = output[NETWORK.labels.indexOf(label)] ?? 0;
    const bar = make("i", { className: label.startsWith("NOT") ? "against" : "for" });
    bar.style.width = `${100 * value}%`;
    const text = value >= .001 || value < FLOOR ? value.toFixed(3) : value.toExponential(1);
    table.append(make("tr", {}, make("th", { text: LABEL_NAMES[label] ?? label }),
      make("td", { className: "bar" }, bar), make("td", { className: "value", text })));
  }
  return table;
}

// Named numbers that the network takes, each with its effect on the score.
function inputSection(site) {
  const table = make("table", { className: "bars" });
  const rows = [
    ...NETWORK.annotations.map((name, i) => ["annotations", "annotation", name, i]),
    ...NETWORK.variant_features.map((name, i) => ["variant", "variant", name, i]),
  ].filter(([array, , , i]) => site.arrays[array] && (array !== "variant" || site.arrays[array].data[i]));
  const effects = rows.map(([, axis, , i]) => site.arrays[`effect/${axis}`]?.data[i]);
  const most = effects.reduce((a, b) => Math.max(a, Math.abs(b || 0)), 1e-6);
  rows.forEach(([array, , name, i], n) => {
    // GATK's networks take 0 for what is missing; ours may have it worked out from the reads.
    const given = array === "annotations" ? site.given[i] : undefined;
    const taken = site.arrays[array].data[i];
    const missing = given === null && (NETWORK.encoding.startsWith("gatk") || Number.isNaN(taken));
    const filled = given === null && !missing;
    const cells = [make("th", { text: name.replaceAll("_", " "), title: name }),
      make("td", { className: missing ? "value note" : "value",
        text: missing ? "missing" : short(taken) + (filled ? "*" : ""),
        title: filled ? "the record has none: worked out from the reads" : "" })];
    if (effects[n] !== undefined) cells.push(effectCell(effects[n], most));
    table.append(make("tr", {}, ...cells));
  });
  if (!rows.length) return section("Inputs", make("p", { className: "note", text: "none" }));
  const parts = [table];
  if (site.runs) parts.push(make("p", { className: "note",
    text: `Bars: the score minus that with the median over the calls (a feature of the variant: 0) `
      + `in its place; right speaks for the call. The longest is ${number(most, 2)}.` }));
  if (site.arrays.variant) parts.push(make("p", { className: "note",
    text: "Features of the variant that are 0 are left out." }));
  if (site.given.some((value, i) => value === null && !NETWORK.encoding.startsWith("gatk")
    && !Number.isNaN(site.arrays.annotations?.data[i] ?? NaN)))
    parts.push(make("p", { className: "note", text: "* worked out from the reads" }));
  return section("Inputs", ...parts);
}

function effectCell(effect, most) {
  const bar = make("i", { className: effect < 0 ? "against" : "for" });
  const half = 50 * Math.min(1, Math.abs(effect) / most);
  bar.style.width = `${half}%`;
  bar.style.left = `${effect < 0 ? 50 - half : 50}%`;
  return make("td", { className: "bar signed", title: signed(effect, 3) }, bar,
    make("span", { className: "sr", text: signed(effect, 3) }));
}

function readSection(row, site) {
  if (!site.reads.length) return section("Reads", make("p", { className: "note", text: "none" }));
  const alts = row.alt.split(","), counts = new Map();
  for (const { allele, flag } of site.reads) {
    const count = counts.get(allele) ?? [0, 0];
    count[flag & 16 ? 1 : 0]++;
    counts.set(allele, count);
  }
  const table = make("table", { className: "counts" }, make("tr", {}, make("td"),
    make("td", { text: "reads" }), make("td", { text: "forward" }), make("td", { text: "reverse" })));
  const order = [...counts.keys()].sort((a, b) => (a < 0) - (b < 0) || Math.abs(a) - Math.abs(b));
  for (const allele of order) {
    const name = allele === 0 ? `ref ${clip(row.ref, 12)}` : allele > 0
      ? `ALT ${clip(alts[allele - 1], 12)}` : allele === -1 ? "other" : "do not span";
    const [forward, reverse] = counts.get(allele);
    table.append(make("tr", { className: allele > 0 ? "alt" : "" }, make("th", { text: name }),
      ...[forward + reverse, forward, reverse].map((count) => make("td", { text: count }))));
  }
  return section("Reads by allele", table);
}

function recordSection(row, site) {
  const { record } = site, list = make("dl");
  const add = (name, value) => list.append(make("dt", { text: name }), make("dd", { text: value }));
  add("REF", clip(record.ref, 400));
  add("ALT", clip(record.alt, 400));
  if (record.id !== ".") add("ID", record.id);
  add("QUAL", record.qual);
  add("FILTER", record.filter);
  for (const [key, value] of record.sample) add(key, clip(value, 400));
  const info = make("dl");
  for (const [key, value] of record.info)
    info.append(make("dt", { text: key }), make("dd", { text: value === "" ? "set" : clip(value, 400) }));
  return section("Record", list, make("h3", { text: "INFO" }), info);
}
