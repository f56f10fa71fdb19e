// The page: state, controls, keys, links, play.

const $ = (id) => document.getElementById(id);
const CHANNEL_MS = 900, SITE_MS = 1600;
const options = {
  on: new Set(), solo: null, quality: true, mismatches: true, effects: true, veil: false, single: false,
};
const state = {
  number: null, site: null, tab: "reads", pileup: null, scalars: false, playing: null, timer: 0,
};

const pileupView = new PileupView($("pane"), $("canvas"), $("spacer"));
const scalarView = new ScalarView($("pane"), $("canvas"), $("spacer"));
const list = new SiteList($("list"), $("search"), $("order"), $("count"), (number) => go(number));
const view = () => (state.scalars ? scalarView : pileupView);

async function go(number, keepPlaying = false) {
  if (number === null || number === undefined) return;
  if (!keepPlaying) stop();
  const row = SITES[number];
  state.number = number;
  list.mark(number);
  history.replaceState(null, "", linkOfSite(row));
  const site = await openSite(number);
  if (state.number !== number) return; // a later choice overtook this one
  state.site = site;
  const beside = "pileup/bases" in site.arrays;
  $("tabs").hidden = !beside;
  show(beside ? state.tab : "inputs");
  heading(row, site);
  showPanel($("panel"), row, site);
  tell(null);
  const next = list.neighbour(number, 1);
  if (next !== null) openSite(next);
  requestAnimationFrame(() => { state.opened_ms ??= performance.now(); });
  document.body.dataset.site = row.name;
}

function show(tab) {
  const { site, number } = state;
  state.tab = tab;
  state.scalars = tab === "inputs" && "mask" in site.arrays;
  state.pileup = state.scalars ? null : pileupOf(site, number, tab === "reads");
  pileupView.pileup = null;
  scalarView.site = null;
  const channels = channelsOf(), names = channels.map(({ title }) => title).join();
  if (names !== options.names) {
    Object.assign(options, { names, solo: null, on: new Set(channels.keys()) });
    chips(channels);
  }
  $("canvas").hidden = !(state.scalars || state.pileup);
  if (state.scalars) scalarView.show(site, NETWORK.read_features);
  else if (state.pileup) pileupView.show(state.pileup, site, SITES[number]);
  for (const button of $("tabs").children) pressed(button, button.dataset.tab === tab);
  const unscored = !Object.keys(site.arrays).some((name) => !name.includes("/"));
  $("unscored").hidden = !unscored;
  $("empty").hidden = unscored || site.reads.length > 0 || !NETWORK.read_limit;
  for (const name of ["mismatches", "quality"]) $(`toggle-${name}`).hidden = !state.pileup?.rows;
  $("toggle-effects").hidden = !site.runs;
  $("toggle-veil").hidden = !site.runs || !state.pileup?.input;
  $("context").hidden = tab !== "reads";
  $("context").textContent = "mask" in site.arrays
    ? `The network takes each of these reads as ${NETWORK.read_features.length} numbers: see “inputs”.`
    : "The reads for comparison: this network looks at none.";
  $("shifted").hidden = !(state.pileup?.shifted && state.pileup.rows);
}

function channelsOf() {
  if (state.scalars)
    return NETWORK.read_features.map((name) => ({
      group: "scalars of reads", label: name.replaceAll("_", " "), title: name,
    }));
  return state.pileup?.channels ?? [];
}

function heading(row, site) {
  const alleles = make("span", { className: "alleles", text: alleleText(row), title: clip(row.name, 600) });
  const badge = make("span", { className: `badge ${row.score > 0 ? "for" : "against"}`,
    text: number(row.score) });
  const facts = [clip(row.carrier, 40), row.type, `${site.reads.length} reads`, row.filter === "." ? null : clip(row.filter, 40)];
  const alts = row.alt.split(",");
  if (alts.length > 1 && site.allele > 0) facts.push(`the allele ${clip(alts[site.allele - 1], 12)}`);
  $("heading").replaceChildren(
    make("h1", {}, make("span", { text: `${clip(row.contig, 24)}:${row.pos.toLocaleString("en")} ` }), alleles),
    badge, make("span", { className: "facts", text: facts.filter(Boolean).join(" · ") }));
  document.title = `${row.contig}:${row.pos} · cnnscore view`;
}

// ---- channels ----

function chips(channels) {
  const groups = new Map();
  channels.forEach((channel, i) => {
    const chip = make("button", { className: `chip ${channel.group}`, text: channel.label,
      title: `${channel.title} (${channel.group})`, type: "button",
      attributes: { "data-channel": i, "aria-label": `channel ${i + 1}: ${channel.title}` } });
    const letter = channel.group !== "flags" && BASES.includes(channel.label) ? channel.label : "";
    if (letter) chip.dataset.base = letter;
    if (!groups.has(channel.group)) groups.set(channel.group, []);
    groups.get(channel.group).push(chip);
  });
  $("chips").replaceChildren(...[...groups].map(([name, members]) =>
    make("span", { className: "group" }, make("span", { className: "name", text: name }), ...members)));
  markChips();
}

function markChips() {
  for (const chip of $("chips").querySelectorAll(".chip")) {
    const i = Number(chip.dataset.channel);
    pressed(chip, options.solo === null ? options.on.has(i) : options.solo === i);
  }
  pressed($("single"), options.solo !== null);
  $("now").textContent = options.solo === null ? "" : channelsOf()[options.solo].title;
}

function solo(channel) {
  options.solo = channel;
  markChips();
  view().draw();
}

function stepChannel(step) {
  const count = channelsOf().length;
  if (!count) return;
  solo(options.solo === null ? (step > 0 ? 0 : count - 1) : (options.solo + step + count) % count);
}

function toggleChannel(channel) {
  if (options.solo !== null) return solo(channel);
  if (!options.on.delete(channel)) options.on.add(channel);
  markChips();
  view().draw();
}

function allChannels() {
  options.on = new Set(channelsOf().keys());
  solo(null);
}

// ---- play ----

function play(what) {
  if (state.playing === what) return stop();
  stop();
  state.playing = what;
  pressed($(what === "channels" ? "play-channels" : "play-sites"), true);
  if (what === "channels") solo(0);
  const speed = Number($("speed").value);
  state.timer = setInterval(() => tick(what), (what === "channels" ? CHANNEL_MS : SITE_MS) / speed);
}

async function tick(what) {
  if (what === "channels" && options.solo !== null && options.solo + 1 < channelsOf().length)
    return solo(options.solo + 1);
  const next = list.neighbour(state.number, 1);
  if (next === null) return stop();
  await go(next, true);
  if (what === "channels" && state.playing) solo(0);
}

function stop() {
  clearInterval(state.timer);
  if (state.playing === "channels") solo(null);
  state.playing = null;
  for (const id of ["play-channels", "play-sites"]) pressed($(id), false);
}

// ---- what is under the pointer, or the keyboard's cursor ----

function tell(cell) {
  const text = cell ? describe(cell) : [];
  $("status").replaceChildren(...(text.length ? text : [make("span", { className: "note",
    text: "Point at a read, or walk with the arrow keys. ? lists the keys." })]));
}

function describe({ row, column }) {
  const { site, pileup } = state, parts = [];
  const add = (text, className = "") => parts.push(make("span", { text, className }));
  const read = site.reads[row];
  if (read) {
    add(clip(read.name, 80), "strong");
    const alleles = ["REF", ...SITES[state.number].alt.split(",")];
    add(read.allele === -2 ? "does not span the site" : read.allele === -1 ? "another allele"
      : read.allele === 0 ? "shows REF" : `shows ALT ${clip(alleles[read.allele], 16)}`,
    read.allele > 0 ? "alt" : "");
    add(`MAPQ ${read.mapq}`);
    add(`flags ${read.flag}: ${flagText(read.flag)}`);
    add(`CIGAR ${clip(read.cigar, 60)}`);
    add(`from ${(read.pos + 1).toLocaleString("en")}, ${read.length} bases`);
    const effect = site.arrays["effect/row"]?.data[row];
    if (effect !== undefined && !Number.isNaN(effect))
      add(`effect ${signed(effect)}`);
  }
  if (column < 0) return parts;
  if (state.scalars) {
    const value = site.arrays.reads.data[row * scalarView.features + column];
    add(`${NETWORK.read_features[column]} = ${number(value)}`, "strong");
    return parts;
  }
  const position = pileup.position[column];
  add(position < 0 ? `column ${column}` : `position ${(position + 1).toLocaleString("en")}`, "strong");
  const letter = REFERENCE_LETTERS[pileup.reference[column]];
  add(`reference ${letter === "*" ? "gap" : letter || "beyond the contig"}`);
  if (pileup.alternate) add(`alternate ${REFERENCE_LETTERS[pileup.alternate[column]] || "none"}`);
  if (read && pileup.bases.length) {
    const at = row * pileup.width + column, code = pileup.bases[at] & 31;
    add(code === NONE ? "no base" : code === GAP ? "gap" : `base ${LETTERS[code]}, quality ${pileup.quals[at]}`);
    if (options.solo !== null) add(`channel value ${number(pileup.channels[options.solo].value(pileup, row, column))}`);
  }
  const effect = site.arrays["effect/column"]?.data[column];
  if (effect !== undefined && !Number.isNaN(effect) && pileup.input) add(`effect of the column ${signed(effect)}`);
  return parts;
}

function tip(event) {
  const box = $("pane").getBoundingClientRect();
  const cell = view().at(event.clientX - box.left, event.clientY - box.top);
  const element = $("tip");
  view().cursor = cell;
  view().draw();
  tell(cell);
  element.hidden = !cell;
  if (!cell) return;
  element.replaceChildren(...describe(cell).map((part) => make("div", {}, part)));
  const [w, h] = [element.offsetWidth, element.offsetHeight];
  element.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - w - 8))}px`;
  element.style.top = `${event.clientY + 18 + h > innerHeight ? event.clientY - h - 10 : event.clientY + 18}px`;
}

function moveCursor(rows, columns) {
  const { scalars, pileup } = state, picture = view();
  const height = scalars ? scalarView.rows : pileup?.rows ?? 0;
  const width = scalars ? scalarView.features : pileup?.width ?? 0;
  if (!width) return;
  const start = { row: height ? 0 : -1, column: scalars ? 0 : pileup.from };
  const now = picture.cursor ?? start;
  const low = scalars ? 0 : -1;
  picture.cursor = picture.cursor === null ? start : {
    row: Math.max(low, Math.min(height - 1, now.row + rows)),
    column: Math.max(0, Math.min(width - 1, now.column + columns)),
  };
  picture.reveal(picture.cursor);
  picture.draw();
  $("tip").hidden = true;
  tell(picture.cursor);
}

// ---- controls ----

function pressed(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

function toggle(name) {
  options[name] = !options[name];
  pressed($(`toggle-${name}`), options[name]);
  view().draw();
}

function zoom(factor) {
  const picture = view(), before = picture.cell, pane = $("pane");
  const wide = pane.clientWidth - picture.gutter - picture.side;
  const middle = (pane.scrollLeft + wide / 2) / before;
  picture.zoom = factor === 0 ? 1 : Math.max(1, Math.min(12, picture.zoom * factor));
  picture.layout();
  if (factor) pane.scrollLeft = middle * picture.cell - wide / 2;
  picture.draw();
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  try {
    localStorage.setItem("cnnscore-theme", name);
  } catch { /* a page from a file may have no storage */ }
  readColours();
  view().draw();
}

function toggleTheme() {
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}

function side(name) {
  const shown = document.body.classList.toggle(`no-${name}`);
  pressed($(`toggle-${name}`), !shown);
}

const step = (by) => () => go(list.neighbour(state.number, by));
const KEYS = [
  ["n j", "next site", step(1)],
  ["p k", "previous site", step(-1)],
  ["Home", "first site", () => go(list.shown[0]?.number)],
  ["End", "last site", () => go(list.shown.at(-1)?.number)],
  ["/", "search the sites", () => { if (document.body.classList.contains("no-list")) side("list"); $("search").focus(); }],
  ["s", "sort the sites another way", () => {
    $("order").selectedIndex = ($("order").selectedIndex + 1) % $("order").length;
    list.update();
    list.mark(state.number);
  }],
  ["ArrowLeft", "one column left", () => moveCursor(0, -1)],
  ["ArrowRight", "one column right", () => moveCursor(0, 1)],
  ["ArrowUp", "one read up", () => moveCursor(-1, 0)],
  ["ArrowDown", "one read down", () => moveCursor(1, 0)],
  ["+ =", "zoom in", () => zoom(1.4)],
  ["-", "zoom out", () => zoom(1 / 1.4)],
  ["0", "fit the window", () => zoom(0)],
  ["c", "centre on the site", () => { pileupView.pileup && pileupView.centre(state.pileup.from); }],
  ["]", "next channel, alone", () => stepChannel(1)],
  ["[", "previous channel, alone", () => stepChannel(-1)],
  ["a", "all channels together", allChannels],
  ["1 2 3 4 5 6 7 8 9", "channel 1 to 9 on or off", (key) => Number(key) <= channelsOf().length && toggleChannel(Number(key) - 1)],
  ["Space", "play the channels, site after site", () => play("channels")],
  ["P", "play the sites", () => play("sites")],
  ["m", "let mismatches stand out", () => toggle("mismatches")],
  ["q", "quality as opacity", () => toggle("quality")],
  ["e", "effects: what moved the score", () => toggle("effects")],
  ["v", "veil what moved it little", () => toggle("veil")],
  ["r", "reads or inputs, where both are there", () => !$("tabs").hidden && show(state.tab === "reads" ? "inputs" : "reads")],
  ["l", "list of sites", () => side("list")],
  ["d", "details of the site", () => side("panel")],
  ["t", "light or dark", toggleTheme],
  ["?", "this help", () => help()],
  ["Escape", "stop, close, leave a field", () => { stop(); $("help").close(); $("tip").hidden = true; document.activeElement?.blur(); }],
];
const ACTIONS = new Map(KEYS.flatMap(([keys, , action]) => keys.split(" ").map((key) => [key, action])));

function help() {
  if ($("help").open) return $("help").close();
  $("help").showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key === " " ? "Space" : event.key, target = event.target;
  const typing = target.matches("input, select");
  if (typing && key !== "Escape" && !(key === "Enter" && target.id === "search")) return;
  if (key === "Space" && target.matches("button, summary, a")) return;
  if ($("help").open && key !== "?" && key !== "Escape") return;
  if (target === $("list") && (key === "ArrowUp" || key === "ArrowDown")) {
    event.preventDefault();
    return go(list.neighbour(state.number, key === "ArrowUp" ? -1 : 1));
  }
  if (key === "Enter" && target.id === "search") {
    target.blur();
    return go(list.shown[0]?.number);
  }
  const action = ACTIONS.get(key);
  if (!action) return;
  event.preventDefault();
  action(key);
}

function followLink() {
  const number = siteOfLink(location.hash);
  $("missing").hidden = number !== null || !location.hash;
  $("missing").textContent = `This page has no site ${clip(location.hash.slice(1), 80)}. `
    + "“cnnscore view --mistakes EVALUATION” makes one that has those of a report.";
  go(number ?? (state.number === null ? list.shown[0]?.number : state.number));
}

function start() {
  let stored = null;
  try {
    stored = localStorage.getItem("cnnscore-theme");
  } catch { /* as above */ }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.dataset.theme = stored ?? (dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  readColours();
  $("network").textContent = `${NETWORK.name} · ${NETWORK.encoding}`;
  $("source").textContent = INDEX.title;
  $("source").title = INDEX.command;
  const names = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
  const shown = (keys) => (keys.startsWith("1") ? "1–9" : keys.split(" ").map((k) => names[k] ?? k).join(" "));
  $("keys").append(...KEYS.map(([keys, text]) =>
    make("tr", {}, make("td", {}, make("kbd", { text: shown(keys) })), make("td", { text }))));
  const clicks = {
    previous: step(-1), next: step(1), "zoom-in": () => zoom(1.4), "zoom-out": () => zoom(1 / 1.4),
    "zoom-fit": () => zoom(0), all: allChannels, theme: toggleTheme, "show-help": help,
    single: () => solo(options.solo === null ? 0 : null), "close-help": () => $("help").close(),
    "play-channels": () => play("channels"), "play-sites": () => play("sites"),
    "toggle-list": () => side("list"), "toggle-panel": () => side("panel"),
  };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", action);
  for (const name of ["quality", "mismatches", "effects", "veil"])
    $(`toggle-${name}`).addEventListener("click", () => toggle(name));
  $("chips").addEventListener("click", (event) => {
    const chip = event.target.closest(".chip");
    if (chip) (event.shiftKey ? solo : toggleChannel)(Number(chip.dataset.channel));
  });
  $("tabs").addEventListener("click", (event) => event.target.dataset.tab && show(event.target.dataset.tab));
  $("speed").addEventListener("change", () => {
    const what = state.playing;
    if (what) { stop(); play(what); }
  });
  $("pane").addEventListener("pointermove", tip);
  $("pane").addEventListener("pointerleave", () => { $("tip").hidden = true; });
  $("pane").addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", followLink);
  if (innerWidth < 900) side("list");
  followLink();
}

// For the console, and for the tests of the page.
window.cnnscore = { INDEX, SITES, openSite, pileupOf, state, options, go, view };
start();
