// The pileup on its canvas: reads as rows, the window as columns, the reference on top.
// What is drawn are the cells in view; the canvas stays in place while its pane scrolls.

const RULER = 22, EFFECT_HEIGHT = 40, REFERENCE_ROW = 20;
const LETTER_WIDTH = 7.5, LETTER_HEIGHT = 9; // smaller cells show colour alone
const QUALITY_FULL = 40, QUALITY_FAINTEST = .12;

class PileupView {
  constructor(pane, canvas, spacer) {
    Object.assign(this, { pane, canvas, spacer, zoom: 1, pileup: null, site: null });
    this.cursor = null; // {row, column}; row -1 is the reference
    this.needed = false;
    Object.assign(this, { gutter: GUTTER, side: 0 });
    pane.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(pane);
  }

  show(pileup, site, row) {
    Object.assign(this, { pileup, site, row });
    this.cursor = null;
    this.scale = {};
    for (const [name, { data }] of Object.entries(site.arrays))
      if (name.startsWith("effect/"))
        this.scale[name.slice(7)] = data.reduce(
          (most, value) => (Number.isNaN(value) ? most : Math.max(most, Math.abs(value))), 0);
    this.pane.scrollTo(0, 0);
    this.layout();
    this.centre(pileup.from);
    this.draw();
  }

  effect(axis) {
    // Beside a network over scalars of reads the rows are its own reads.
    const own = this.pileup.input || (axis === "row" && "mask" in this.site.arrays);
    return options.effects && own ? this.site.arrays[`effect/${axis}`]?.data : undefined;
  }

  layout() {
    const { pileup } = this;
    const [width, height] = [this.pane.clientWidth, this.pane.clientHeight];
    const { gutter, side } = margins(this.pane);
    this.gutter = gutter;
    this.side = this.effect("row") && pileup.rows ? side : 8;
    this.effects = this.effect("column") ? EFFECT_HEIGHT : 0;
    this.lanes = pileup.lanes ? pileup.channels.length : 0;
    this.top = RULER + this.effects + REFERENCE_ROW + 6;
    const rows = Math.max(pileup.rows, this.lanes, 1);
    const fitting = (width - this.gutter - this.side - 2) / pileup.width;
    this.cell = Math.max(2.5, fitting) * this.zoom;
    const high = Math.max(7, Math.min(17, (height - this.top - 10) / rows));
    this.high = this.lanes ? Math.min(26, 160 / this.lanes) * Math.sqrt(this.zoom) : Math.min(high * this.zoom, Math.max(high, 24));
    this.spacer.style.width = `${this.gutter + pileup.width * this.cell + this.side}px`;
    this.spacer.style.height = `${this.top + rows * this.high + 10}px`;
  }

  centre(column) {
    const middle = (this.pane.clientWidth - this.gutter - this.side) / 2;
    this.pane.scrollLeft = (column + .5) * this.cell - middle;
  }

  reveal({ row, column }) {
    const x = column * this.cell, y = row * this.high, pane = this.pane;
    const wide = pane.clientWidth - this.gutter - this.side, high = pane.clientHeight - this.top;
    if (x < pane.scrollLeft) pane.scrollLeft = x - 2 * this.cell;
    else if (x + this.cell > pane.scrollLeft + wide) pane.scrollLeft = x + 3 * this.cell - wide;
    if (row < 0) return;
    if (y < pane.scrollTop) pane.scrollTop = y;
    else if (y + this.high > pane.scrollTop + high) pane.scrollTop = y + this.high - high;
  }

  draw() {
    if (!this.pileup || this.needed) return;
    this.needed = true;
    requestAnimationFrame(() => {
      this.needed = false;
      if (this.pileup) this.paint();
    });
  }

  x(column) {
    return Math.round(this.gutter + column * this.cell - this.pane.scrollLeft);
  }

  y(row) {
    return Math.round(this.top + row * this.high - this.pane.scrollTop);
  }

  // The cell under a point of the pane, in CSS pixels; null outside.
  at(x, y) {
    if (!this.pileup) return null;
    const column = Math.floor((x - this.gutter + this.pane.scrollLeft) / this.cell);
    if (x >= this.gutter && (column < 0 || column >= this.pileup.width)) return null;
    if (y < this.top) return x >= this.gutter && y >= RULER ? { row: -1, column } : null;
    const row = Math.floor((y - this.top + this.pane.scrollTop) / this.high);
    if (row >= (this.lanes || this.pileup.rows)) return null;
    return { row: this.lanes ? -1 : row, column: x < this.gutter ? -1 : column };
  }

  paint() {
    const width = this.pane.clientWidth, height = this.pane.clientHeight;
    if (!width || !height || !this.pileup) return;
    this.layout();
    const context = fitCanvas(this.canvas, width, height);
    this.context = context;
    const shown = Math.ceil(width / this.cell) + 1;
    this.columns = [Math.max(0, Math.floor(this.pane.scrollLeft / this.cell)), 0];
    this.columns[1] = Math.min(this.pileup.width, this.columns[0] + shown);
    this.letters = this.cell >= LETTER_WIDTH && this.high >= LETTER_HEIGHT;
    const size = Math.min(this.cell * 1.25, this.high * .85, 13);
    context.font = `600 ${size}px ${colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    if (this.lanes) this.paintLanes();
    else if (options.solo === null) this.paintRows();
    else this.paintChannel(this.pileup.channels[options.solo]);
    this.paintSite(height);
    this.paintVeil(height);
    this.paintGutter(height);
    this.paintTop(width);
    fadeEnds(context, this.pane, this.gutter, width - this.side, height);
    this.paintRowEffects(width, height);
    this.paintCursor();
  }

  visibleRows() {
    const first = Math.max(0, Math.floor(this.pane.scrollTop / this.high));
    const count = Math.ceil((this.pane.clientHeight - this.top) / this.high) + 1;
    return [first, Math.min(this.pileup.rows, first + count)];
  }

  paintRows() {
    const { pileup, context } = this, [first, last] = this.visibleRows();
    const gap = this.high > 9 ? 1 : 0, on = options.on;
    for (let row = first; row < last; row++) {
      const y = this.y(row), high = this.y(row + 1) - y - gap;
      for (let column = this.columns[0]; column < this.columns[1]; column++) {
        const at = row * pileup.width + column, code = pileup.bases[at] & 31;
        if (code === NONE) continue;
        const x = this.x(column), wide = Math.max(this.x(column + 1) - x - (this.cell > 5 ? 1 : 0), 1);
        const reference = pileup.reference[column];
        if (code === GAP) {
          if (on.has(4)) this.paintGap(x, y, this.x(column + 1) - x, high, reference);
          continue;
        }
        const letter = LETTERS[code], called = BASES.indexOf(letter);
        if (called >= 0 && !on.has(called)) continue;
        const match = called >= 0 && called === reference && on.has(5 + called);
        const inserted = reference === REFERENCE_GAP;
        context.globalAlpha = options.quality
          ? Math.max(QUALITY_FAINTEST, Math.min(1, pileup.quals[at] / QUALITY_FULL)) : 1;
        context.fillStyle = match && options.mismatches ? colours.match : baseColour(letter);
        context.fillRect(x, y, wide, high);
        if (this.letters) {
          const faint = context.globalAlpha < .55 || (match && options.mismatches);
          context.globalAlpha = 1;
          context.fillStyle = faint ? colours.ink : inkOn(letter);
          if (match && options.mismatches) context.globalAlpha = .5;
          context.fillText(letter, x + wide / 2, y + high / 2 + .5);
        }
        context.globalAlpha = 1;
        if (inserted && on.has(9)) {
          context.fillStyle = colours.insertion;
          context.fillRect(x, y, this.x(column + 1) - x, Math.max(2, high / 6));
        }
      }
    }
  }

  // A dark line where the read lacks reference bases; a faint one where others have more.
  paintGap(x, y, wide, high, reference) {
    const { context } = this, deletion = reference !== REFERENCE_GAP;
    context.fillStyle = deletion ? colours.deletion : colours.line;
    const thick = deletion ? Math.max(2, Math.round(high / 5)) : 1;
    context.fillRect(x, Math.round(y + (high - thick) / 2), wide, thick);
  }

  paintChannel(channel) {
    const { pileup, context } = this, [first, last] = this.visibleRows();
    context.fillStyle = colours.heat;
    for (let row = first; row < last; row++) {
      const y = this.y(row), high = this.y(row + 1) - y - (this.high > 9 ? 1 : 0);
      for (let column = this.columns[0]; column < this.columns[1]; column++) {
        const value = channel.value(pileup, row, column), x = this.x(column);
        const wide = Math.max(this.x(column + 1) - x - (this.cell > 5 ? 1 : 0), 1);
        context.globalAlpha = .05 + .95 * Math.min(1, value);
        context.fillRect(x, y, wide, high);
      }
    }
    context.globalAlpha = 1;
  }

  // A network over the reference alone: its channels as four lanes.
  paintLanes() {
    const { pileup, context } = this;
    pileup.channels.forEach((channel, lane) => {
      const y = this.y(lane), high = this.y(lane + 1) - y - 2;
      const alone = options.solo === null ? options.on.has(lane) : options.solo === lane;
      for (let column = this.columns[0]; column < this.columns[1]; column++) {
        const x = this.x(column), wide = Math.max(this.x(column + 1) - x - 1, 1);
        const value = alone ? channel.value(pileup, 0, column) : 0;
        context.globalAlpha = .06 + .94 * value;
        context.fillStyle = value ? baseColour(channel.label) : colours.muted;
        context.fillRect(x, y, wide, high);
      }
      context.globalAlpha = 1;
    });
  }

  paintSite(height) {
    const { context, pileup } = this, from = this.x(pileup.from), to = this.x(pileup.to);
    context.fillStyle = colours.site;
    context.globalAlpha = .9;
    const end = Math.min(height, this.y(this.lanes || pileup.rows) + 4);
    for (const x of [from - 2, to]) context.fillRect(x, RULER, 2, end - RULER);
    context.globalAlpha = 1;
  }

  // Where effects are shown, cells that moved the score little step back.
  paintVeil(height) {
    const rows = this.effect("row"), columns = this.effect("column"), { context } = this;
    if (!columns || !options.veil) return;
    context.fillStyle = colours.panel;
    const [first, last] = this.lanes ? [0, this.lanes] : this.visibleRows();
    for (let row = first; row < last; row++) {
      const of_row = rows && this.scale.row ? Math.abs(rows[row] || 0) / this.scale.row : 0;
      for (let column = this.columns[0]; column < this.columns[1]; column++) {
        const of_column = this.scale.column ? Math.abs(columns[column] || 0) / this.scale.column : 0;
        context.globalAlpha = .82 * (1 - Math.sqrt(Math.max(of_row, of_column)));
        const x = this.x(column), y = this.y(row);
        context.fillRect(x, y, this.x(column + 1) - x, this.y(row + 1) - y);
      }
    }
    context.globalAlpha = 1;
  }

  paintTop(width) {
    const { context, pileup } = this;
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, width, this.top - 3);
    context.font = `11px ${colours.font}`;
    context.textAlign = "left";
    context.fillStyle = colours.muted;
    context.fillText("position", 10, RULER / 2 + 1);
    const step = [1, 2, 5, 10, 20, 50, 100].find((size) => size * this.cell >= 84) ?? 100;
    context.textAlign = "center";
    for (let column = this.columns[0]; column < this.columns[1]; column++) {
      const position = pileup.position[column];
      if (position < 0 || (position + 1) % step) continue;
      const x = (this.x(column) + this.x(column + 1)) / 2;
      if (x < this.gutter) continue;
      context.fillStyle = colours.muted;
      context.fillText((position + 1).toLocaleString("en"), x, RULER / 2);
      context.fillStyle = colours.line;
      context.fillRect(x, RULER - 4, 1, 4);
    }
    this.paintColumnEffects();
    this.paintReference();
    context.fillStyle = colours.panel;
    context.fillRect(0, RULER, this.gutter - 4, this.top - RULER - 3);
    context.fillStyle = colours.muted;
    context.textAlign = "left";
    context.font = `11px ${colours.font}`;
    if (this.effects) {
      context.fillText("effect", 10, RULER + this.effects / 2);
      if (this.gutter === GUTTER)
        context.fillText(`±${number(this.scale.column, 2)}`, 66, RULER + this.effects / 2);
    }
    context.fillText("reference", 10, RULER + this.effects + REFERENCE_ROW / 2 + 1);
    context.fillStyle = colours.line;
    context.fillRect(0, this.top - 3, width, 1);
    context.fillStyle = colours.site;
    const from = this.x(pileup.from), to = this.x(pileup.to), middle = (from + to) / 2;
    context.beginPath();
    context.moveTo(middle - 6, RULER - 7);
    context.lineTo(middle + 6, RULER - 7);
    context.lineTo(middle, RULER);
    context.fill();
  }

  paintReference() {
    const { context, pileup } = this, y = RULER + this.effects + 1, high = REFERENCE_ROW - 2;
    context.textAlign = "center";
    context.font = `700 ${Math.min(this.cell * 1.3, 13)}px ${colours.font}`;
    for (let column = this.columns[0]; column < this.columns[1]; column++) {
      const code = pileup.reference[column], letter = REFERENCE_LETTERS[code];
      const x = this.x(column), wide = Math.max(this.x(column + 1) - x - (this.cell > 5 ? 1 : 0), 1);
      if (!letter) continue;
      if (code === REFERENCE_GAP) {
        if (pileup.bases.length && !options.on.has(9)) continue;
        context.fillStyle = colours.insertion;
        context.fillRect(x, y + high / 2 - 1, this.x(column + 1) - x, 2);
        continue;
      }
      const lane = pileup.bases.length ? 5 + code : code;
      if (code < REFERENCE_GAP && !options.on.has(lane)) continue;
      context.fillStyle = baseColour(letter);
      context.fillRect(x, y, wide, high);
      if (this.cell < LETTER_WIDTH) continue;
      context.fillStyle = inkOn(letter);
      context.fillText(letter, x + wide / 2, y + high / 2 + 1);
    }
  }

  paintColumnEffects() {
    const effects = this.effect("column"), { context } = this;
    if (!effects) return;
    const y = RULER + 2, high = EFFECT_HEIGHT - 6;
    context.fillStyle = colours.line;
    context.fillRect(this.gutter, y + high / 2, this.pileup.width * this.cell, 1);
    for (let column = this.columns[0]; column < this.columns[1]; column++) {
      const x = this.x(column), wide = this.x(column + 1) - x;
      signedBar(context, x, y, wide, high, effects[column] / (this.scale.column || 1), true);
    }
  }

  paintRowEffects(width, height) {
    const effects = this.effect("row"), { context } = this;
    if (!effects || !this.pileup.rows) return;
    const x = width - this.side, [first, last] = this.visibleRows();
    context.fillStyle = colours.panel;
    context.fillRect(x, 0, this.side, height);
    context.font = `11px ${colours.font}`;
    context.textAlign = "center";
    context.fillStyle = colours.muted;
    context.fillText("effect", x + this.side / 2, RULER + this.effects - 4);
    context.fillText(`±${number(this.scale.row, 2)}`, x + this.side / 2, RULER + this.effects + 11);
    context.fillStyle = colours.line;
    context.fillRect(x + this.side / 2, this.top, 1, height);
    for (let row = first; row < last; row++) {
      const y = this.y(row);
      if (y + this.high < this.top) continue;
      const high = Math.max(this.y(row + 1) - y - 2, 1), value = effects[row] / (this.scale.row || 1);
      signedBar(context, x + 6, y + 1, this.side - 12, high, value, false);
    }
  }

  paintGutter(height) {
    const { context, pileup, site } = this;
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, this.gutter - 4, height);
    context.textAlign = "left";
    if (this.lanes) {
      context.font = `11px ${colours.font}`;
      pileup.channels.forEach((channel, lane) => {
        context.fillStyle = colours.muted;
        context.fillText(`${channel.group} ${channel.label}`, 10, this.y(lane) + this.high / 2);
      });
      return;
    }
    const [first, last] = this.visibleRows();
    for (let row = first; row < last; row++)
      paintRead(context, site.reads[row], this.y(row), this.high, pileup, row, options, this.gutter);
  }

  paintCursor() {
    const { context, cursor } = this;
    if (!cursor) return;
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5;
    if (cursor.row >= 0) {
      const y = this.y(cursor.row);
      context.globalAlpha = .5;
      context.strokeRect(1, y - .5, this.pane.clientWidth - 2, this.high);
      context.globalAlpha = 1;
    }
    if (cursor.column < 0) return;
    const x = this.x(cursor.column), y = cursor.row < 0 ? this.top - REFERENCE_ROW - 5 : this.y(cursor.row);
    context.strokeRect(x - .5, y - .5, this.cell, cursor.row < 0 ? REFERENCE_ROW : this.high);
  }
}

function inkOn(letter) {
  return letter === "A" || letter === "G" ? "#14110c" : "#ffffff";
}

// A row's label: the allele it shows, strand, first or second of pair, and where there is room MAPQ.
function paintRead(context, read, y, high, pileup, row, { on }, gutter) {
  const middle = y + high / 2, tall = Math.max(high - 1, 2);
  if (read.allele >= 1 || read.allele === -1) {
    context.fillStyle = read.allele >= 1 ? colours.alt : colours.other;
    context.fillRect(0, y, 6, tall);
  }
  const size = Math.min(11, high * .95);
  if (size >= 7) {
    context.font = `${read.allele >= 1 ? 700 : 400} ${size}px ${colours.font}`;
    context.fillStyle = read.allele >= 1 ? colours.alt : colours.muted;
    const name = read.allele >= 1 ? "ALT" : { 0: "ref", "-1": "other" }[read.allele] ?? "·";
    context.fillText(read.allele > 1 ? `ALT${read.allele}` : name, 10, middle + .5);
  }
  const flags = pileup.flags[2 * row], mapq = pileup.flags[2 * row + 1];
  if (on.has(10)) {
    const way = flags & 1 ? -1 : 1, x = 54, reach = Math.min(high * .42, 5);
    context.fillStyle = way > 0 ? colours.ink : colours.muted;
    context.beginPath();
    context.moveTo(x + way * reach, middle);
    context.lineTo(x - way * reach, middle - reach);
    context.lineTo(x - way * reach, middle + reach);
    context.fill();
  }
  if (size >= 7 && (on.has(12) || on.has(13))) {
    context.fillStyle = colours.muted;
    context.font = `${size}px ${colours.font}`;
    context.fillText(flags & 4 ? "1" : flags & 8 ? "2" : "", 64, middle + .5);
  }
  if (on.has(14) && gutter === GUTTER) {
    const thick = Math.max(1, Math.min(tall * .5, 7));
    context.fillStyle = colours.line;
    context.fillRect(76, middle - thick / 2, 34, thick);
    context.fillStyle = mapq < 20 ? colours.against : colours.muted;
    context.fillRect(76, middle - thick / 2, 34 * Math.min(mapq / 60, 1), thick);
  }
}
