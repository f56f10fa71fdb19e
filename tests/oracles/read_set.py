"""read-set and reference read a second time, plainly: strings, slices and dicts.

Slow on purpose, and written as the rules of docs/reference/encodings.md are stated. The C in
native/encode must give the same numbers.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from oracles.alleles import CODE, Aligned, Allele, bases, by_ratio, fits, lay_out
from oracles.encode import Read, Site
from oracles.realign import is_unclear, realigned


def ratio_of_indel(read: Read, a: Aligned, allele: Allele, left: int, right: int) -> int:
    last = len(read.seq) - 1
    before = -1 if left < 0 else left - a.clip_left
    after = -1 if right < 0 else last - a.clip_right - right
    n = allele.repeat_end - allele.repeat_begin + len(allele.alt) + 70
    if left < 0 and right < 0:
        return 0
    if right < 0 or (left >= 0 and before >= after):
        pairs = [(left + 1 + i, allele.repeat_begin + i) for i in range(min(n, last - left))]
        change = 0
    else:
        pairs = [(right - 1 - i, allele.repeat_end - 1 - i) for i in range(min(n, right))]
        change = len(allele.alt) - len(allele.ref)
    total = 0
    for index, pos in pairs:
        base, ref = read.seq[index], allele.window.get(pos, "")
        alt = allele.haplotype(pos - allele.begin + change)
        if bases(base) and bases(ref) and bases(alt):
            total += (fits(base, alt) - fits(base, ref)) * read.qual[index]
    return total


def look_at_changed(read: Read, a: Aligned, allele: Allele, deleted: int) -> tuple[str, int, bool]:
    """Support, ratio and spans where REF and ALT are of one length."""
    ratio, alts, refs, unknown, n = 0, 0, 0, 0, len(allele.ref)
    shown = [a.index_at.get(allele.begin + offset, -1) for offset in range(n)]
    for ref, alt, i in zip(allele.ref, allele.alt, shown, strict=True):
        if i < 0:
            continue
        known = read.seq[i] in CODE
        is_alt = known and read.seq[i] == alt
        is_ref = known and not is_alt and bool(fits(read.seq[i], ref))
        alts, refs, unknown = alts + is_alt, refs + is_ref, unknown + (not known)
        ratio += (is_alt - is_ref) * read.qual[i]
    missing = shown.count(-1)
    if deleted:
        support = "other"
    elif missing or unknown:
        support = by_ratio(ratio, 15)
    else:
        support = "alt" if alts == n else "ref" if refs == n else "other"
    return support, ratio, n - missing + deleted == n


def look(read: Read, allele: Allele, rivals: list[Allele] | None = None) -> dict[str, Any]:
    """What evidence.c finds; with `rivals`, the other alleles, as read-set-2 has it."""
    e = look_by_cigar(read, allele)
    a = lay_out(read)
    if rivals is None or not is_unclear(read, a, allele, e):
        return e
    found = realigned(read, a, allele, rivals)
    if found is None:
        return e
    ratio, rival = found
    side = by_ratio(ratio, 0)
    if rival:
        support = "other"
    elif side and side == e["support"]:
        support = side
    else:
        support = by_ratio(ratio, 9) or ("other" if e["spans"] else "")
    return {**e, "ratio": ratio, "support": support}


def look_by_cigar(read: Read, allele: Allele) -> dict[str, Any]:
    """What the read's own alignment says."""
    a = lay_out(read)
    begin, end = allele.repeat_begin, allele.repeat_end
    changed = range(allele.begin, allele.begin + len(allele.ref))
    unequal = len(allele.ref) != len(allele.alt)
    exact_left, exact_right = a.index_at.get(begin - 1, -1), a.index_at.get(end, -1)
    left, right = exact_left, exact_right
    if left < 0 and begin > a.end:
        index = len(read.seq) - a.clip_right + begin - 1 - a.end
        left = index if index < len(read.seq) else -1
    if right < 0 and end < read.pos:
        right = max(-1, a.clip_left - (read.pos - end))

    deleted = sum(pos <= p < pos + n for pos, n in a.deletions for p in changed)
    within, other_indels = [], []
    for pos, n in a.insertions:
        if begin <= pos <= end and unequal:
            within.append(n)
        else:
            other_indels.append((pos, pos))
    for pos, n in a.deletions:
        if pos < end and pos + n > begin and unequal:
            within.append(-n)
        else:
            other_indels.append((pos, pos + n))

    net = sum(within)
    if len(allele.ref) == len(allele.alt):
        support, ratio, spans = look_at_changed(read, a, allele, deleted)
        index = a.index_at.get(allele.begin, left if left >= 0 else right)
    else:
        ratio = ratio_of_indel(read, a, allele, left, right)
        spans = exact_left >= 0 and exact_right >= 0
        support = by_ratio(ratio, 15)
        if spans and net == len(allele.alt) - len(allele.ref):
            support = "alt"
        elif spans:
            support = "other" if net else "alt" if ratio > 40 else "ref"
        index = left if left >= 0 else right

    mismatches = [
        (p, read.qual[i], read.seq[i])
        for p, i in a.index_at.items()
        if not begin <= p < end
        and bases(read.seq[i])
        and bases(allele.window.get(p, ""))
        and not fits(read.seq[i], allele.window[p])
    ]
    return {
        "support": support,
        "ratio": ratio,
        "index": index,
        "spans": spans,
        "mismatches": len(mismatches),
        "mismatches_q20": sum(q >= 20 for _, q, _ in mismatches),
        "mismatches_near": sum(begin - 10 <= p < end + 10 for p, _, _ in mismatches),
        "indels": len(other_indels),
        "indels_near": sum(b <= end + 10 and e >= begin - 10 for b, e in other_indels),
        "listed": [(p, base) for p, _, base in sorted(mismatches) if base in "ACGT"][:16],
        "within": within,
        "deleted": deleted,
        "clipped": a.clip_left + a.clip_right,
        "clip_near": any(begin - 10 <= edge <= end + 10 for edge in a.clip_edges),
    }


def rows(
    reads: list[Read], allele: Allele, rivals: list[Allele] | None = None
) -> list[list[float]]:
    """A row of `reads` for each, in the order of READ_SCALARS; with `rivals` of read-set-2."""
    looks = [look(read, allele, rivals) for read in reads]
    listed = Counter(mismatch for e in looks for mismatch in e["listed"])

    def is_shared(mismatch: tuple[int, str]) -> bool:
        return listed[mismatch] >= 3 and 10 * listed[mismatch] >= len(reads)

    return [
        [*scalars(read, e, allele), min(sum(map(is_shared, e["listed"])) / 5, 2)]
        for read, e in zip(reads, looks, strict=True)
    ]


def scalars(read: Read, e: dict[str, Any], allele: Allele) -> list[float]:
    """All that the read says by itself."""
    f = np.float32
    index, last = int(e["index"]), len(read.seq) - 1
    ends = (0, 0) if index < 0 else (index, last - index)
    if read.flag & 0x10:
        ends = ends[::-1]
    quality = read.qual[index] if index >= 0 else 0

    def scaled(value: float, scale: int, limit: float) -> float:
        return float(min(f(value) / f(scale), f(limit)))

    return [
        float(bool(read.flag & 0x10)),
        scaled(min(read.mapq, 60), 60, 1),
        float(e["support"] == "alt"),
        float(e["support"] == "ref"),
        float(e["support"] == "other"),
        max(scaled(e["ratio"], 40, 1.5), -1.5),
        scaled(quality, 40, 1.5),
        scaled(ends[0], 100, 1.5),
        scaled(ends[1], 100, 1.5),
        scaled(e["mismatches"], 5, 2),
        scaled(e["mismatches_q20"], 5, 2),
        scaled(e["mismatches_near"], 3, 2),
        scaled(e["indels"], 2, 2),
        scaled(e["indels_near"], 2, 2),
        float(f(e["clipped"]) / f(len(read.seq))) if read.seq else 0.0,
        float(bool(e["clip_near"])),
        float(bool(read.flag & 0x2)),
        # Reads of the tests have no mate's contig: -1.
        float(bool(read.flag & 0x1)),
        float(bool(read.flag & 0x80)),
        float(bool(e["spans"])),
    ]


def run(allele: Allele, pos: int, step: int) -> int:
    n = 0
    while n < 20 and allele.base(pos) and allele.base(pos + n * step) == allele.base(pos):
        n += 1
    return n


def repeat(allele: Allele, pos: int, step: int, unit: int) -> int:
    n = 0
    while n < 60 - unit:
        base = allele.base(pos + n * step)
        if not base or base != allele.base(pos + (n + unit) * step):
            break
        n += 1
    return n + unit if n >= unit else 0


def variant_features(allele: Allele) -> list[float]:
    """One row of `variant`, in the order of VARIANT_FEATURES."""
    ref, alt, begin = allele.ref, allele.alt, allele.begin
    snp = len(ref) == len(alt) == 1
    change = abs(len(alt) - len(ref)) or len(ref) - 1
    right = allele.repeat_begin if allele.is_indel else begin + len(ref)
    found = [
        (repeat(allele, *side, unit), -unit)
        for unit in range(1, 7)
        for side in ((allele.repeat_begin - 1, -1), (right, 1))
    ]
    length, period = max(found)
    around = [allele.base(p) for p in range(begin - 50, begin + 50)]
    known = [base for base in around if base]
    gc = sum(base in "GC" for base in known) / len(known) if known else 0.5
    new = alt or ref
    purine = snp and ref in "AG"
    return [
        float(snp),
        float(allele.is_indel and bool(alt)),
        float(allele.is_indel and bool(ref)),
        float(not snp and not allele.is_indel),
        float(np.log1p(change) / 4),
        float(snp and ref + alt in ("AG", "GA", "CT", "TC")),
        float(purine),
        float(
            snp
            and (
                (ref == "C" and allele.base(begin + 1) == "G")
                or (ref == "G" and allele.base(begin - 1) == "C")
            )
        ),
        float(snp and ref + alt in ("CA", "GT")),
        run(allele, allele.repeat_begin - 1, -1) / 10,
        run(allele, right, 1) / 10,
        (allele.repeat_end - allele.repeat_begin - len(ref)) / 20,
        length / 20,
        -period / 6 if length else 0.0,
        gc,
        float(new[0] == allele.base(begin - 1)),
        float(new[-1] == allele.base(begin + len(ref))),
        float(allele.multi_allelic),
    ]


def haplotypes(site: Site, allele: Allele, window: int) -> tuple[list[int], list[int]]:
    """`reference` and `alternate`."""
    begin = site.pos - window // 2

    def code(pos: int) -> str:
        inside = 0 <= pos < len(site.contig_sequence) and pos < site.pos + window
        return site.contig_sequence[pos] if inside else ""

    letters = [code(p) for p in range(begin, begin + window)]
    changed = [code(p) for p in range(begin, min(allele.begin, begin + window))]
    changed += list(allele.alt)
    after = allele.begin + len(allele.ref)
    changed += [code(p) for p in range(after, after + window)]

    def codes(text: list[str]) -> list[int]:
        return [5 if len(b) > 1 else CODE["".join(b)] if b else 6 for b in map(bases, text)]

    return codes(letters), codes((changed + [""] * window)[:window])
