// Networks over scalars: a bar a feature and a read, and the site's own features below the names.

const SCALAR_GUTTER = 118, SCALAR_TOP = 96, SCALAR_WIDTH = 46, SCALAR_HEIGHT = 15;

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
    this.most = new Float32Array(this.features);
    for (let i = 0; i < this.rows * this.features; i++)
      this.most[i % this.features] = Math.max(this.most[i % this.features], Math.abs(data[i]), 1);
    this.pane.scrollTo(0, 0);
    this.draw();
  }

  effect(axis) {
    return options.effects ? this.site.arrays[`effect/${axis}`]?.data : undefined;
  }

  layout() {
    const room = (this.pane.clientWidth - SCALAR_GUTTER - 12) / Math.max(this.features, 1);
    this.cell = Math.max(SCALAR_WIDTH, Math.min(room, 90)) * this.zoom;
    this.high = SCALAR_HEIGHT * Math.min(this.zoom, 1.6);
    this.spacer.style.width = `${SCALAR_GUTTER + this.features * this.cell + 12}px`;
    this.spacer.style.height = `${SCALAR_TOP + this.rows * this.high + 10}px`;
  }

  draw() {
    if (this.site && !this.needed) requestAnimationFrame(() => {
      this.needed = false;
      this.paint();
    });
    this.needed = true;
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
    const pile = this.flags();
    context.textAlign = "left";
    for (let row = 0; row < this.rows && this.site.reads[row]; row++)
      if (this.y(row) < height)
        paintRead(context, this.site.reads[row], this.y(row), this.high, pile, row,
          { on: new Set([10, 12, 13, 14]) });
    this.paintNames(context, width);
    if (!this.cursor || this.cursor.row < 0) return;
    context.strokeStyle = colours.ink;
    context.strokeRect(1, this.y(this.cursor.row) - .5, width - 2, this.high);
  }

  // Strand, pair and MAPQ of the reads as the pile's rows have them.
  flags() {
    const flags = new Uint8Array(2 * this.rows);
    this.site.reads.forEach(({ flag, mapq }, row) => {
      flags[2 * row] = (flag & 16 ? 1 : 0) | (flag & 64 ? 4 : 0) | (flag & 128 ? 8 : 0);
      flags[2 * row + 1] = mapq;
    });
    return { flags };
  }

  paintBar(context, row, feature, y) {
    const value = this.data[row * this.features + feature] / this.most[feature];
    const x = this.x(feature), wide = this.cell - 8, middle = x + wide / 2, high = this.high - 3;
    if (options.solo !== null && options.solo !== feature) return;
    if (!options.on.has(feature)) return;
    context.fillStyle = colours.line;
    context.fillRect(middle, y, 1, this.high);
    context.fillStyle = value < 0 ? colours.against : colours.for;
    const length = Math.abs(value) * wide / 2;
    context.fillRect(value < 0 ? middle - length : middle, y + 1, Math.max(length, value ? 1 : 0), high);
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
      context.rotate(-Math.PI / 5);
      context.fillStyle = options.on.has(feature) ? colours.ink : colours.muted;
      context.fillText(clip(this.names[feature] ?? `feature ${feature + 1}`, 17), 0, 0);
      context.restore();
      if (effects) signedBar(context, x, SCALAR_TOP - 18, this.cell - 8, 11, effects[feature] / most);
    }
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, SCALAR_GUTTER - 30, SCALAR_TOP - 3);
    context.fillStyle = colours.line;
    context.fillRect(0, SCALAR_TOP - 3, width, 1);
  }
}
