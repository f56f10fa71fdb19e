// Networks over scalars: one bar per feature and read, and the site's own features below the names.

const SCALAR_WIDTH = 26, SCALAR_HEIGHT = 15, SCALAR_EFFECTS = 18;

class ScalarView {
  constructor(pane, canvas, spacer) {
    Object.assign(this, { pane, canvas, spacer, site: null, cursor: null, zoom: 1 });
    Object.assign(this, { gutter: GUTTER, side: 0, top: 0 });
    pane.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(pane);
  }

  show(site, names) {
    const { data, shape } = site.arrays.reads;
    const mask = site.arrays.mask.data;
    Object.assign(this, { site, data, features: shape[1], cursor: null });
    this.names = names.map((name) => name.replaceAll("_", " "));
    this.rows = mask.reduce((count, value) => count + (value ? 1 : 0), 0);
    this.most = new Float32Array(this.features).fill(1);
    this.signed = new Array(this.features).fill(false);
    for (let i = 0; i < this.rows * this.features; i++) {
      const feature = i % this.features;
      this.most[feature] = Math.max(this.most[feature], Math.abs(data[i]));
      this.signed[feature] ||= data[i] < 0;
    }
    this.pane.scrollTo(0, 0);
    this.draw();
  }

  effect(axis) {
    return options.effects ? this.site.arrays[`effect/${axis}`]?.data : undefined;
  }

  layout() {
    const { gutter, side } = margins(this.pane);
    this.gutter = gutter;
    this.side = this.effect("row") ? side : 12;
    const context = this.canvas.getContext("2d");
    context.font = `11px ${colours.font}`;
    const longest = Math.max(...this.names.map((name) => context.measureText(name).width));
    this.top = Math.ceil(longest) + 14 + (this.effect("feature") ? SCALAR_EFFECTS : 0);
    const room = (this.pane.clientWidth - gutter - this.side) / Math.max(this.features, 1);
    this.cell = Math.max(SCALAR_WIDTH, Math.min(room, 90)) * this.zoom;
    this.high = SCALAR_HEIGHT * Math.min(this.zoom, 1.6);
    this.spacer.style.width = `${this.gutter + this.features * this.cell + this.side}px`;
    this.spacer.style.height = `${this.top + this.rows * this.high + 10}px`;
  }

  draw() {
    if (!this.site || this.needed) return;
    this.needed = true;
    requestAnimationFrame(() => {
      this.needed = false;
      if (this.site) this.paint();
    });
  }

  centre() {}

  reveal({ row, column }) {
    const x = column * this.cell, wide = this.pane.clientWidth - this.gutter - this.side;
    if (x < this.pane.scrollLeft) this.pane.scrollLeft = x;
    else if (x + this.cell > this.pane.scrollLeft + wide) this.pane.scrollLeft = x + this.cell - wide;
    const y = row * this.high, high = this.pane.clientHeight - this.top;
    if (row >= 0 && (y < this.pane.scrollTop || y > this.pane.scrollTop + high - this.high))
      this.pane.scrollTop = y - high / 2;
  }

  x(feature) {
    return Math.round(this.gutter + feature * this.cell - this.pane.scrollLeft);
  }

  y(row) {
    return Math.round(this.top + row * this.high - this.pane.scrollTop);
  }

  at(x, y) {
    if (!this.site || y < this.top) return null;
    const row = Math.floor((y - this.top + this.pane.scrollTop) / this.high);
    const column = Math.floor((x - this.gutter + this.pane.scrollLeft) / this.cell);
    if (row >= this.rows || column >= this.features) return null;
    return { row, column: x < this.gutter ? -1 : column };
  }

  paint() {
    const width = this.pane.clientWidth, height = this.pane.clientHeight;
    if (!width || !height) return;
    this.layout();
    const context = fitCanvas(this.canvas, width, height);
    context.textBaseline = "middle";
    for (let row = 0; row < this.rows; row++) {
      const y = this.y(row);
      if (y > height || y + this.high < this.top) continue;
      for (let feature = 0; feature < this.features; feature++) this.paintBar(context, row, feature, y);
    }
    context.fillStyle = colours.panel;
    context.fillRect(0, this.top - 1, this.gutter - 4, height);
    const pileup = this.flags();
    context.textAlign = "left";
    for (let row = 0; row < this.rows && this.site.reads[row]; row++)
      if (this.y(row) < height)
        paintRead(context, this.site.reads[row], this.y(row), this.high, pileup, row,
          { on: new Set([10, 12, 13, 14]) }, this.gutter);
    this.paintNames(context, width);
    fadeEnds(context, this.pane, this.gutter, width - this.side, height);
    this.paintRowEffects(context, width, height);
    if (!this.cursor || this.cursor.row < 0) return;
    context.strokeStyle = colours.ink;
    context.strokeRect(1, this.y(this.cursor.row) - .5, width - 2, this.high);
  }

  // Strand, pair and MAPQ of the reads as the pileup's rows have them.
  flags() {
    const flags = new Uint8Array(2 * this.rows);
    this.site.reads.forEach(({ flag, mapq }, row) => {
      flags[2 * row] = (flag & 16 ? 1 : 0) | (flag & 64 ? 4 : 0) | (flag & 128 ? 8 : 0);
      flags[2 * row + 1] = mapq;
    });
    return { flags };
  }

  paintBar(context, row, feature, y) {
    if (options.solo !== null && options.solo !== feature) return;
    if (!options.on.has(feature)) return;
    const value = this.data[row * this.features + feature] / this.most[feature];
    const x = this.x(feature), wide = this.cell - 8, high = this.high - 3;
    const zero = this.signed[feature] ? x + wide / 2 : x;
    const length = Math.abs(value) * (this.signed[feature] ? wide / 2 : wide);
    context.fillStyle = colours.line;
    context.fillRect(zero, y, 1, this.high);
    context.fillStyle = colours.heat;
    const from = value < 0 ? zero - length : zero;
    context.fillRect(from, y + 1, Math.max(length, value ? 1 : 0), high);
  }

  paintRowEffects(context, width, height) {
    const effects = this.effect("row"), x = width - this.side;
    if (!effects) return;
    const most = effects.reduce((a, b) => Math.max(a, Math.abs(b || 0)), 1e-9);
    context.fillStyle = colours.panel;
    context.fillRect(x, this.top - 2, this.side, height);
    for (let row = 0; row < this.rows; row++) {
      const y = this.y(row);
      if (y < this.top - this.high || y > height) continue;
      signedBar(context, x + 6, y + 1, this.side - 12, this.high - 3, effects[row] / most, false);
    }
    context.fillStyle = colours.panel;
    context.fillRect(x, 0, this.side, this.top - 3);
    context.fillStyle = colours.line;
    context.fillRect(x + this.side / 2, this.top, 1, height);
    context.fillStyle = colours.muted;
    context.textAlign = "center";
    context.fillText("effect", x + this.side / 2, this.top - 27);
    context.fillText(`±${number(most, 2)}`, x + this.side / 2, this.top - 12);
    context.textAlign = "left";
  }

  paintNames(context, width) {
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, width, this.top - 3);
    const effects = this.effect("feature");
    const most = effects ? effects.reduce((a, b) => Math.max(a, Math.abs(b || 0)), 1e-9) : 1;
    context.font = `11px ${colours.font}`;
    for (let feature = 0; feature < this.features; feature++) {
      const x = this.x(feature), middle = x + (this.cell - 8) / 2;
      context.save();
      context.translate(middle, this.top - 8 - (effects ? SCALAR_EFFECTS : 0));
      context.rotate(-Math.PI / 2);
      context.fillStyle = options.on.has(feature) ? colours.ink : colours.muted;
      context.fillText(this.names[feature], 0, 0);
      context.restore();
      if (effects) signedBar(context, x, this.top - 19, this.cell - 8, 11, effects[feature] / most);
    }
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, this.gutter - 4, this.top - 3);
    context.fillStyle = colours.line;
    context.fillRect(0, this.top - 3, width, 1);
  }
}
