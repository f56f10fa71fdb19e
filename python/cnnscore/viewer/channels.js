// Planes -> channels, by the rules of docs/reference/encodings.md: the values that the network computes on.

const LETTERS = NETWORK.read_letters; // of BAM's codes 0-15
const GAP = 16, NONE = 17, SPAN = 32;
const REFERENCE_LETTERS = ["A", "C", "G", "T", "*", "N", ""];
const REFERENCE_GAP = 4, REFERENCE_ANY = 5, REFERENCE_NONE = 6;
const BASES = "ACGT";
// GATK lists these in the order A, C, T, G while its channels are A, C, G, T: kept.
const AMBIGUOUS = {
  K: [0, 0, .5, .5], M: [.5, .5, 0, 0], R: [.5, 0, 0, .5], Y: [0, .5, .5, 0], S: [0, .5, 0, .5],
  W: [.5, 0, .5, 0], B: [0, .333, .333, .334], V: [.333, .333, 0, .334], H: [.333, .333, .334, 0],
  D: [.333, 0, .333, .334], N: [.25, .25, .25, .25],
};

const base = (i) => ({
  group: "read", label: BASES[i], title: `read ${BASES[i]}: 1 − error probability where called`,
  value: (pileup, row, column) => readBase(pileup, row * pileup.width + column, i),
});
const reference = (i) => ({
  group: "reference", label: BASES[i], title: `reference ${BASES[i]}`,
  value: (pileup, row, column) => {
    const code = pileup.reference[column];
    return code === i ? 1 : code === REFERENCE_ANY ? .25 : 0;
  },
});
const flag = (label, title, bit) => ({
  group: "flags", label, title,
  value: (pileup, row, column) =>
    pileup.bases[row * pileup.width + column] & SPAN && pileup.flags[2 * row] & bit ? 1 : 0,
});

const READ_CHANNELS = [
  ...[0, 1, 2, 3].map(base),
  {
    group: "read", label: "gap", title: "read gap: a deletion, or an insertion of another read",
    value: (pileup, row, column) => (pileup.bases[row * pileup.width + column] & 31) === GAP ? 1 : 0,
  },
  ...[0, 1, 2, 3].map(reference),
  {
    group: "reference", label: "gap", title: "reference gap: an insertion in some read",
    value: (pileup, row, column) => pileup.reference[column] === REFERENCE_GAP ? 1 : 0,
  },
  flag("reverse", "read on the reverse strand", 1),
  flag("mate rev.", "mate on the reverse strand", 2),
  flag("first", "first of pair", 4),
  flag("second", "second of pair", 8),
  {
    group: "flags", label: "MAPQ", title: "mapping quality / 60",
    value: (pileup, row, column) =>
      pileup.bases[row * pileup.width + column] & SPAN ? pileup.flags[2 * row + 1] / 60 : 0,
  },
];
const REFERENCE_CHANNELS = [0, 1, 2, 3].map(reference);
const ALTERNATE_CHANNELS = [0, 1, 2, 3].map((i) => ({
  group: "alternate", label: BASES[i], title: `alternate ${BASES[i]}`,
  value: ({ alternate }, row, column) =>
    alternate[column] === i ? 1 : alternate[column] === REFERENCE_ANY ? .25 : 0,
}));

function readBase(pileup, at, i) {
  const code = pileup.bases[at] & 31;
  if (code >= GAP || code === 0) return 0;
  const letter = LETTERS[code], called = BASES.indexOf(letter);
  if (called < 0) return AMBIGUOUS[letter][i];
  const wrong = 10 ** (-pileup.quals[at] / 10);
  return called === i ? 1 - wrong : wrong / 3;
}

// What is drawn as cells: the input itself (a pileup of reads, or lanes of sequence), or with `beside`
// the reads that are shown beside another input; null without any.
function pileupOf(site, number, beside = false) {
  const get = (name) => site.arrays[beside ? `pileup/${name}` : name];
  if (!get("reference")) return null;
  const [width] = get("reference").shape, none = new Uint8Array(0);
  const alternate = get("alternate")?.data, bases = get("bases")?.data;
  const pileup = {
    input: !beside, width, alternate,
    rows: bases ? site.reads.length : 0,
    reference: get("reference").data,
    bases: bases ?? none, quals: get("quals")?.data ?? none, flags: get("rows")?.data ?? none,
    lanes: !bases,
    channels: bases ? READ_CHANNELS
      : alternate ? [...REFERENCE_CHANNELS, ...ALTERNATE_CHANNELS] : REFERENCE_CHANNELS,
  };
  return Object.assign(pileup, positions(pileup, SITES[number]));
}

// 0-based contig position of each column (-1 in a gap, or beyond the contig), and the site's columns.
function positions(pileup, row) {
  const half = Math.floor(pileup.width / 2), start = row.pos - 1;
  // Near a contig's start GATK's encodings have its first base in column 0.
  const shifted = start < half && pileup.reference[0] !== REFERENCE_NONE;
  const position = new Int32Array(pileup.width).fill(-1);
  let next = shifted ? 0 : start - half;
  for (let column = 0; column < pileup.width; column++) {
    const code = pileup.reference[column];
    if (code === REFERENCE_GAP) continue;
    if (code !== REFERENCE_NONE) position[column] = next;
    next++;
  }
  const end = start + Math.max(row.ref.length, 1);
  let from = position.indexOf(start), to = from;
  if (from < 0) from = to = half;
  // The columns of an insertion belong to the site: they stand behind its anchor base.
  else while (to < pileup.width && (pileup.reference[to] === REFERENCE_GAP
    || (position[to] >= 0 && position[to] < end))) to++;
  return { position, from, to: Math.max(to, from + 1), shifted };
}
