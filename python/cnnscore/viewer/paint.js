// Colours of the theme, and small drawing helpers. Every colour comes from page.css.

const COLOUR_NAMES = [
  "base-a", "base-c", "base-g", "base-t", "base-n", "match", "ink", "muted", "line", "panel",
  "ground", "site", "heat", "for", "against", "alt", "other", "deletion", "insertion", "accent",
];
let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = Object.fromEntries(
    COLOUR_NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  colours.font = style.getPropertyValue("--mono");
}

function baseColour(letter) {
  return colours[`base-${letter.toLowerCase()}`] ?? colours["base-n"];
}

function make(tag, properties = {}, ...children) {
  const { className, text, attributes, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A canvas that fills its pane, sharp at any pixel density; its context, in CSS pixels.
function fitCanvas(canvas, width, height) {
  const density = Math.min(window.devicePixelRatio || 1, 3);
  const [w, h] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, width, height);
  return context;
}

// What stands beside the cells: labels of the reads on the left, their effects on the right; less of
// both where the pane is a phone's.
const GUTTER = 118, EFFECT_WIDTH = 84, NARROW = 480, NARROW_GUTTER = 74, NARROW_EFFECTS = 50;

function margins(pane) {
  return pane.clientWidth < NARROW ? { gutter: NARROW_GUTTER, side: NARROW_EFFECTS }
    : { gutter: GUTTER, side: EFFECT_WIDTH };
}

// Where the pane can be scrolled to more columns, those at its end fade.
function fadeEnds(context, pane, left, right, height) {
  const wide = 22, end = pane.scrollWidth - pane.clientWidth;
  for (const [more, from, to] of [
    [pane.scrollLeft > 1, left, left + wide], [pane.scrollLeft < end - 1, right, right - wide]]) {
    if (!more) continue;
    const fade = context.createLinearGradient(from, 0, to, 0);
    fade.addColorStop(0, colours.panel);
    fade.addColorStop(1, `${colours.panel}00`); // “transparent” is black
    context.fillStyle = fade;
    context.fillRect(Math.min(from, to), 0, wide, height);
  }
}

// A signed bar from a middle line: right and up speak for the call.
function signedBar(context, x, y, width, height, value, upright) {
  const part = Math.max(-1, Math.min(1, value));
  context.fillStyle = part < 0 ? colours.against : colours.for;
  const length = Math.abs(part) * (upright ? height : width) / 2;
  if (upright) context.fillRect(x, y + height / 2 - (part > 0 ? length : 0), width, length);
  else context.fillRect(x + width / 2 - (part < 0 ? length : 0), y, length, height);
}

function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const text = Number(value).toFixed(digits);
  return text.startsWith("-") && Number(text) !== 0 ? `−${text.slice(1)}` : text.replace("-", "");
}

// Significant digits for values of any size.
function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "missing";
  const size = Math.abs(value);
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

function signed(value, digits = 2) {
  return (value > 0 ? "+" : "") + number(value, digits);
}

const FLAG_TEXT = [
  [1, "paired"], [2, "properly paired"], [4, "unmapped"], [8, "mate unmapped"],
  [16, "reverse strand"], [32, "mate reverse"], [64, "first of pair"], [128, "second of pair"],
  [256, "secondary"], [512, "QC fail"], [1024, "duplicate"], [2048, "supplementary"],
];

function flagText(flag) {
  return FLAG_TEXT.filter(([bit]) => flag & bit).map(([, text]) => text).join(", ") || "none";
}

function clip(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
