// The data of the page: the index at once, a site's blob when it is looked at.

const INDEX = JSON.parse(document.getElementById("index").textContent);
const NETWORK = INDEX.network;
const SITES = INDEX.sites.map((row, number) => {
  const site = { number };
  INDEX.columns.forEach((name, i) => { site[name] = row[i]; });
  site.type = ["SNP", "indel", "other"][site.kind];
  return site;
});
const READ_FIELDS = ["name", "flag", "mapq", "pos", "cigar", "length", "template", "allele", "number"];
const ARRAYS = {
  uint8: Uint8Array, int8: Int8Array, int32: Int32Array, int64: BigInt64Array,
  float32: Float32Array, float64: Float64Array,
};
const CACHED_SITES = 12;
const opened = new Map();

// A site's header and arrays; arrays[name] = {data, shape}.
function openSite(number) {
  let promise = opened.get(number);
  opened.delete(number);
  promise ??= decode(document.getElementById(`site-${number}`).textContent);
  opened.set(number, promise);
  if (opened.size > CACHED_SITES) opened.delete(opened.keys().next().value);
  return promise;
}

async function decode(text) {
  const packed = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const [name, type, shape, offset] of header.arrays) {
    const count = shape.reduce((product, size) => product * size, 1);
    arrays[name] = { data: new ARRAYS[type](buffer, 4 + length + offset, count), shape };
  }
  const reads = header.reads.map((row) =>
    Object.fromEntries(READ_FIELDS.map((name, i) => [name, row[i]])));
  return { ...header, arrays, reads };
}


// The number of the site that a link names: CONTIG:POS:REF:ALT, or CONTIG:POS.
function siteOfLink(hash) {
  let name;
  try {
    name = decodeURIComponent(hash.replace(/^#/, ""));
  } catch {
    return null;
  }
  if (!name) return null;
  const found = SITES.find((site) => site.name === name)
    ?? SITES.find((site) => `${site.contig}:${site.pos}` === name)
    // Another spelling of the alleles, as of a normalised call: the site counts.
    ?? SITES.find((site) => name.startsWith(`${site.contig}:${site.pos}:`));
  return found ? found.number : null;
}

function linkOfSite(site) {
  return `#${site.name.split(":").map(encodeURIComponent).join(":")}`;
}
