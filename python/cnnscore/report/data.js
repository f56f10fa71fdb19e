"use strict";
// The result as `cnnscore evaluate` wrote it (docs/tasks/evaluate.md), and what is chosen on the page.

const RESULT = JSON.parse(document.getElementById("data").textContent);
for (const score of RESULT.scores) {
  // JSON has no infinite numbers: they come as "inf" and "-inf".
  const number = (value) => ({ inf: Infinity, "-inf": -Infinity })[value] ?? value;
  for (const curve of [score.curve, score.filter?.curve]) {
    if (curve) curve.threshold = curve.threshold.map(number);
  }
  for (const row of score.filter?.tranches ?? []) row.threshold = number(row.threshold);
  for (const row of [...score.mistakes.true, ...score.mistakes.false]) row.score = number(row.score);
}
const TYPES = RESULT.types;
const NAMES = [...new Set(RESULT.scores.map((score) => score.name))];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SYMBOLS = ["circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon"];

const chosen = {
  type: "SNP",
  score: NAMES[0],
  by: null,
  // Index into the curve's points, by score name and type.
  point: {},
};

const $ = (id) => document.getElementById(id);

function scoreOf(name, type) {
  return RESULT.scores.find((score) => score.name === name && score.type === type);
}

function scoresOfType(type) {
  return RESULT.scores.filter((score) => score.type === type && score.curve && score.filter);
}

function colour(name) {
  return cssColour(`--score-${NAMES.indexOf(name) % 8}`);
}

function cssColour(variable) {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
}

// The lines of scores differ in dash too, for eyes that do not tell their colours apart.
function dash(name) {
  return DASHES[NAMES.indexOf(name) % DASHES.length];
}

function symbol(name) {
  return SYMBOLS[NAMES.indexOf(name) % SYMBOLS.length];
}

// Recall, precision, and the part of false calls kept, at point i of a curve. Its last point keeps all.
function at(curve, i) {
  const kept = { true: curve.true[i], false: curve.false[i] };
  const all = { true: curve.true.at(-1), false: curve.false.at(-1) };
  return {
    ...kept,
    threshold: curve.threshold[i],
    recall: all.true ? kept.true / all.true : null,
    precision: kept.true / (kept.true + kept.false),
    falseRate: all.false ? kept.false / all.false : null,
  };
}

// The point of a score's thresholds that is chosen: at first that of 99 % sensitivity.
function pointOf(score) {
  const key = `${score.name}\t${score.type}`;
  if (!(key in chosen.point)) {
    chosen.point[key] = pointOfTrue(score.filter.curve, 0.99 * score.filter.curve.true.at(-1));
  }
  return chosen.point[key];
}

// The first point that keeps so many true calls.
function pointOfTrue(curve, wanted) {
  const found = curve.true.findIndex((kept) => kept >= wanted);
  return found < 0 ? curve.true.length - 1 : found;
}

function choosePoint(score, point) {
  chosen.point[`${score.name}\t${score.type}`] = point;
}

function shown(value, digits = 4) {
  return value === null || value === undefined ? "none" : value.toFixed(digits);
}

function percent(value) {
  return value === null || Number.isNaN(value) ? "none" : `${(100 * value).toFixed(2)} %`;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
