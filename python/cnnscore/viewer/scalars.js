// Networks over scalars: one bar per feature and read, and the site's own features below the names.

const SCALAR_GUTTER = 118, SCALAR_TOP = 96, SCALAR_WIDTH = 34, SCALAR_HEIGHT = 15;

class ScalarView {
  constructor(pane, canvas, spacer) {
    Object.assign(this, { pane, canvas, spacer, site: null, cursor: null, zoom: 1 });
    pane.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(pane);
  }

  show(site, names) {
    const { data, shape } = site.arrays.reads;
    const mask = site.arrays.mask.data;
    Object.assign(this, { site, data, features: shape[1], names, cursor: null });
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
    this.right = this.effect("row") ? EFFECT_WIDTH : 12;
    const room = (this.pane.clientWidth - SCALAR_GUTTER - this.right) / Math.max(this.features, 1);
    this.cell = Math.max(SCALAR_WIDTH, Math.min(room, 90)) * this.zoom;
    this.high = SCALAR_HEIGHT * Math.min(this.zoom, 1.6);
    this.spacer.style.width = `${SCALAR_GUTTER + this.features * this.cell + this.right}px`;
    this.spacer.style.height = `${SCALAR_TOP + this.rows * this.high + 10}px`;
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

  reveal({ row }) {
    const y = row * this.high, high = this.pane.clientHeight - SCALAR_TOP;
    if (row >= 0 && (y < this.pane.scrollTop || y > this.pane.scrollTop + high - this.high))
      this.pane.scrollTop = y - high / 2;
  }

  x(feature) {
    return Math.round(SCALAR_GUTTER + feature * this.cell - this.pane.scrollLeft);
  }

  y(row) {
    return Math.round(SCALAR_TOP + row * this.high - this.pane.scrollTop);
  }

  at(x, y) {
    if (!this.site || y < SCALAR_TOP) return null;
    const row = Math.floor((y - SCALAR_TOP + this.pane.scrollTop) / this.high);
    const column = Math.floor((x - SCALAR_GUTTER + this.pane.scrollLeft) / this.cell);
    if (row >= this.rows || column >= this.features) return null;
    return { row, column: x < SCALAR_GUTTER ? -1 : column };
  }

  paint() {
    const width = this.pane.clientWidth, height = this.pane.clientHeight;
    if (!width || !height) return;
    this.layout();
    const context = fitCanvas(this.canvas, width, height);
    context.textBaseline = "middle";
    for (let row = 0; row < this.rows; row++) {
      const y = this.y(row);
      if (y > height || y + this.high < SCALAR_TOP) continue;
      for (let feature = 0; feature < this.features; feature++) this.paintBar(context, row, feature, y);
    }
    context.fillStyle = colours.panel;
    context.fillRect(0, SCALAR_TOP - 1, SCALAR_GUTTER - 4, height);
    const pileup = this.flags();
    context.textAlign = "left";
    for (let row = 0; row < this.rows && this.site.reads[row]; row++)
      if (this.y(row) < height)
        paintRead(context, this.site.reads[row], this.y(row), this.high, pileup, row,
          { on: new Set([10, 12, 13, 14]) });
    this.paintNames(context, width);
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
    const effects = this.effect("row"), x = width - EFFECT_WIDTH;
    if (!effects) return;
    const most = effects.reduce((a, b) => Math.max(a, Math.abs(b || 0)), 1e-9);
    context.fillStyle = colours.panel;
    context.fillRect(x, SCALAR_TOP - 2, EFFECT_WIDTH, height);
    for (let row = 0; row < this.rows; row++) {
      const y = this.y(row);
      if (y < SCALAR_TOP - this.high || y > height) continue;
      signedBar(context, x + 6, y + 1, EFFECT_WIDTH - 12, this.high - 3, effects[row] / most, false);
    }
    context.fillStyle = colours.panel;
    context.fillRect(x, SCALAR_TOP - 36, EFFECT_WIDTH, 33);
    context.fillStyle = colours.line;
    context.fillRect(x + EFFECT_WIDTH / 2, SCALAR_TOP, 1, height);
    context.fillStyle = colours.muted;
    context.textAlign = "center";
    context.fillText("effect", x + EFFECT_WIDTH / 2, SCALAR_TOP - 27);
    context.fillText(`±${number(most, 2)}`, x + EFFECT_WIDTH / 2, SCALAR_TOP - 12);
    context.textAlign = "left";
  }

  paintNames(context, width) {
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, width, SCALAR_TOP - 3);
    const effects = this.effect("feature");
    const most = effects ? effects.reduce((a, b) => Math.max(a, Math.abs(b || 0)), 1e-9) : 1;
    context.font = `11px ${colours.font}`;
    for (let feature = 0; feature < this.features; feature++) {
      const x = this.x(feature);
      context.save();
      context.translate(x + this.cell / 2 - 6, SCALAR_TOP - (effects ? 22 : 8));
      context.rotate(-Math.PI / 3);
      context.fillStyle = options.on.has(feature) ? colours.ink : colours.muted;
      context.fillText(clip(this.names[feature].replaceAll("_", " "), 17), 0, 0);
      context.restore();
      if (effects) signedBar(context, x, SCALAR_TOP - 18, this.cell - 8, 11, effects[feature] / most);
    }
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, SCALAR_GUTTER - 30, SCALAR_TOP - 3);
    context.fillStyle = colours.line;
    context.fillRect(0, SCALAR_TOP - 3, width, 1);
  }
}
