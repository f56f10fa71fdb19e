// The list of sites: sort, search, choose.

const ORDERS = {
  rank: ["as chosen", (a, b) => a.rank - b.rank],
  position: ["position", (a, b) => a.number - b.number],
  low: ["lowest score", (a, b) => (a.score ?? Infinity) - (b.score ?? Infinity)],
  high: ["highest score", (a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity)],
  unsure: ["nearest to 0", (a, b) => Math.abs(a.score ?? Infinity) - Math.abs(b.score ?? Infinity)],
  wrong: ["most wrong", (a, b) => mistake(b) - mistake(a)],
  deep: ["most reads", (a, b) => b.depth - a.depth],
};
const KEYWORDS = {
  snp: (site) => site.kind === 0,
  indel: (site) => site.kind === 1,
  other: (site) => site.kind === 2,
  true: (site) => site.label === 1,
  false: (site) => site.label === 0,
  pass: (site) => site.filter === "PASS" || site.filter === ".",
};

function mistake(site) {
  if (site.label < 0 || site.score === null) return -Infinity;
  return site.label ? -site.score : site.score;
}

// Words narrow the list: kinds and labels by name, score<2 or depth>30, else part of a name.
function matches(site, words) {
  return words.every((word) => {
    if (KEYWORDS[word]) return KEYWORDS[word](site);
    const compared = /^(score|depth|qual)([<>])(-?\d*\.?\d+)$/.exec(word);
    if (compared) {
      const value = site[compared[1]] === null ? NaN : Number(site[compared[1]]);
      return compared[2] === "<" ? value < Number(compared[3]) : value > Number(compared[3]);
    }
    return `${site.name} ${site.filter}`.toLowerCase().includes(word.replaceAll(",", ""));
  });
}

class SiteList {
  constructor(element, search, order, count, choose) {
    Object.assign(this, { element, search, order, count, choose, shown: SITES });
    const orders = Object.entries(ORDERS).filter(
      ([name]) => name !== "wrong" || SITES.some((site) => site.label >= 0));
    for (const [name, [text]] of orders) order.append(make("option", { value: name, text }));
    this.items = SITES.map((site) => this.item(site));
    search.addEventListener("input", () => this.update());
    order.addEventListener("change", () => this.update());
    element.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) choose(Number(item.dataset.number));
    });
    this.update();
  }

  item(site) {
    const label = { 1: "✓", 0: "✗" }[site.label] ?? "";
    const bar = make("i", { className: site.score > 0 ? "for" : "against" });
    const part = Math.min(1, Math.abs(site.score ?? 0) / 12) * 50;
    bar.style.width = `${part}%`;
    bar.style.left = `${site.score > 0 ? 50 : 50 - part}%`;
    const title = `${site.name}, score ${number(site.score)}, ${site.depth} reads`;
    return make("div", {
      className: "item", title: clip(title, 300),
      attributes: { role: "option", "data-number": site.number, "aria-selected": "false",
        id: `item-${site.number}` },
    },
    make("span", { className: "locus", text: `${clip(site.contig, 16)}:${site.pos.toLocaleString("en")}` }),
    make("span", { className: "label", text: label, title: label && (site.label ? "true" : "false") }),
    make("span", { className: "score", text: number(site.score, 2) }),
    make("span", { className: "alleles", text: [alleleText(site), clip(site.carrier, 24)].filter(Boolean).join(" · ") }),
    make("span", { className: "meter" }, bar));
  }

  update() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const by = ORDERS[this.order.value][1];
    this.shown = SITES.filter((site) => matches(site, words)).sort((a, b) => by(a, b) || a.number - b.number);
    this.element.replaceChildren(...this.shown.map((site) => this.items[site.number]));
    this.count.textContent = words.length
      ? `${this.shown.length} of ${SITES.length}` : `${SITES.length} sites`;
    if (!this.shown.length) this.element.append(make("p", { className: "note", text: "No site matches." }));
  }

  mark(numberChosen) {
    this.element.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const item = this.items[numberChosen];
    item.setAttribute("aria-selected", "true");
    this.element.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  // The site `step` rows on in the list as it stands; null at its ends.
  neighbour(numberChosen, step) {
    const at = this.shown.findIndex((site) => site.number === numberChosen);
    if (at < 0) return this.shown[0]?.number ?? null;
    return this.shown[at + step]?.number ?? null;
  }
}

function alleleText(site) {
  const name = (text) => (text.length > 8 ? `${text.slice(0, 5)}…(${text.length})` : text);
  const alts = site.alt.split(",");
  return `${name(site.ref)} → ${alts.slice(0, 2).map(name).join(", ")}${alts.length > 2 ? ", …" : ""}`;
}
