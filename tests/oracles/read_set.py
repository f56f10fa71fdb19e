"""read-set and reference read a second time, plainly: strings, slices and dicts.

Slow on purpose, and written as the rules of docs/reference/encodings.md are stated. The C in
native/encode must give the same numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from oracles.encode import Read, Site

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "M": "AC", "R": "AG", "S": "CG", "V": "ACG",
    "W": "AT", "Y": "CT", "H": "ACT", "K": "GT", "D": "AGT", "B": "CGT", "N": "ACGT",
}  # fmt: skip
SHIFT_MAX = 128
CODE = {"A": 0, "C": 1, "G": 2, "T": 3}


@cache
def bases(letter: str) -> frozenset[str]:
    """What a letter stands for; nothing for what is none, and for '='."""
    return frozenset(IUPAC.get(letter.upper(), ""))


@dataclass
class Allele:
    """A trimmed ALT allele in its window."""

    begin: int
    ref: str
    alt: str
    multi_allelic: bool
    window: dict[int, str]
    """Letters by position."""
    window_begin: int
    window_end: int
    repeat_begin: int = 0
    repeat_end: int = 0

    def __post_init__(self) -> None:
        self.repeat_begin, self.repeat_end = self.begin, self.begin + len(self.ref)
        if not self.is_indel:
            return
        while self.repeat_end - self.begin - len(self.ref) < SHIFT_MAX:
            shift = self.repeat_end - self.begin - len(self.ref)
            passed = self.base(self.repeat_end)
            first = self.alt[shift % len(self.alt)] if self.alt else self.base(self.begin + shift)
            if not passed or passed != first:
                break
            self.repeat_end += 1
        while self.begin - self.repeat_begin < SHIFT_MAX:
            shift = self.begin - self.repeat_begin
            passed = self.base(self.repeat_begin - 1)
            n = len(self.ref) + len(self.alt)
            last = (
                self.alt[n - 1 - shift % n] if self.alt else self.base(self.begin + n - 1 - shift)
            )
            if not passed or passed != last:
                break
            self.repeat_begin -= 1

    @property
    def is_indel(self) -> bool:
        return (not self.ref) != (not self.alt)

    def base(self, pos: int) -> str:
        """A, C, G, T or nothing."""
        letter = self.window.get(pos, "").upper()
        return letter if letter in CODE else ""

    def haplotype(self, offset: int) -> str:
        """A letter of the ALT haplotype, `offset` from the first changed base on."""
        if offset < 0:
            return self.window.get(self.begin + offset, "")
        if offset < len(self.alt):
            return self.alt[offset]
        return self.window.get(self.begin + len(self.ref) + offset - len(self.alt), "")


def alleles(site: Site, window: int) -> dict[int, Allele]:
    """The alleles that can be scored, by number."""
    found = {}
    begin = site.pos - window // 2
    letters = {
        pos: site.contig_sequence[pos]
        for pos in range(begin, begin + window)
        if 0 <= pos < len(site.contig_sequence)
    }
    for number, text in enumerate(site.alts, 1):
        ref, alt, pos = site.ref.upper(), text.upper(), site.pos
        if not alt or set(alt) - set("ACGTN") or ref == alt:
            continue
        while ref and alt and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        while ref and alt and ref[0] == alt[0]:
            ref, alt, pos = ref[1:], alt[1:], pos + 1
        found[number] = Allele(pos, ref, alt, False, letters, begin, begin + window)
    for allele in found.values():
        allele.multi_allelic = len(found) > 1
    return found


@dataclass
class Aligned:
    """A read laid out: what its CIGAR says of each base."""

    index_at: dict[int, int]
    """Index of the base aligned to a position."""
    deletions: list[tuple[int, int]]
    insertions: list[tuple[int, int]]
    """(position it stands before, length)."""
    clip_left: int
    clip_right: int
    clip_edges: list[int]
    end: int


def lay_out(read: Read) -> Aligned:
    index_at: dict[int, int] = {}
    deletions, insertions, edges = [], [], []
    pos, index, left, right, aligned = read.pos, 0, 0, 0, False
    for op, length in read.cigar:
        here = min(length, len(read.seq) - index)
        if op in "M=X":
            index_at.update({pos + i: index + i for i in range(here)})
            pos, index, aligned = pos + length, index + here, True
        elif op == "I":
            insertions.append((pos, length))
            index += here
        elif op == "D":
            deletions.append((pos, length))
            pos += length
        elif op == "N":
            pos += length
        elif op == "S":
            left, right = (left, right + here) if aligned else (left + here, right)
            if here:
                edges.append(pos)
            index += here
    return Aligned(index_at, deletions, insertions, left, right, edges, pos)


@cache
def fits(base: str, letter: str) -> int:
    return int(bool(bases(base) & bases(letter)))


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


def by_ratio(ratio: int, enough: int) -> str:
    return "alt" if ratio > enough else "ref" if ratio < -enough else ""


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


# ---- reads that fit neither allele ----

FAR = 10**6


def extensions(letters: list[str], unit: int) -> list[int]:
    """What a gap that has begun costs with each of these."""

    def again(i: int) -> bool:
        if not unit or i < unit:
            return False
        one, other = letters[i], letters[i - unit]
        return not bases(one) or not bases(other) or bool(fits(one, other))

    return [0 if again(i) else 10 for i in range(len(letters))]


def affine(piece: list[tuple[str, int]], hap: list[str], width: int, unit: int, first: int | None,
           last: int | None) -> int:  # fmt: skip
    """Least cost of a piece of (base, quality) on a haplotype that begins width / 2 before it.
    Each base has `width` places, from there on; `first` and `last` say where its ends stand.
    """
    extend_read, extend_hap = extensions([base for base, _ in piece], unit), extensions(hap, unit)
    best = [0 if first in (None, b) else FAR for b in range(width)]
    inserted = [FAR] * width
    for i, (base, quality) in enumerate(piece):
        inserted = [
            min(best[b + 1] + 40, inserted[b + 1] + extend_read[i]) if b + 1 < width else FAR
            for b in range(width)
        ]
        for b in range(width):
            letter = hap[i + b]
            differs = bases(base) and bases(letter) and not fits(base, letter)
            best[b] = min(best[b] + min(quality, 40) * bool(differs), inserted[b])
        deleted = FAR  # bases of the haplotype that the read lacks
        for b in range(1, width):
            deleted = min(best[b - 1] + 40, deleted + extend_hap[i + b])
            best[b] = min(best[b], deleted)
    return min(best) if last is None else best[last]


def is_unclear(read: Read, a: Aligned, allele: Allele, e: dict[str, Any]) -> bool:
    """Whether a read shows more than REF or ALT alone."""
    begin, end = allele.repeat_begin, allele.repeat_end
    change = len(allele.alt) - len(allele.ref)
    if change and sum(
        bool(bases(read.seq[i]) and bases(allele.window.get(p, "")))
        and not fits(read.seq[i], allele.window[p])
        for p, i in a.index_at.items()
        if begin <= p < end
    ) + e["mismatches_near"] >= 2:  # fmt: skip
        return True
    if e["indels_near"] or e["clip_near"] or e["mismatches_near"] >= 2:
        return True
    if not change:
        return bool(e["deleted"])
    if not e["within"]:
        return bool(e["spans"] and e["ratio"] > 0)
    return bool(not e["spans"] or e["within"] != [change] or e["ratio"] <= 0)


def realigned(
    read: Read, a: Aligned, allele: Allele, rivals: list[Allele]
) -> tuple[int, bool] | None:
    """(ratio, whether another ALT allele fits better), or None where nothing can be aligned."""
    begin, end, n = allele.repeat_begin, allele.repeat_end, len(read.seq)
    left, right = max(begin - 24, allele.window_begin), min(end + 24, allele.window_end)
    near = [p for p in a.index_at if left <= p < right]
    before = max((p for p in near if p < begin), default=-1)
    after = min((p for p in near if p >= end), default=-1)
    if before < 0 and after < 0:
        return None
    inside = min(end - begin + len(allele.alt), 80)
    # Where the nearest aligned base places the site's first base, and the one after it.
    left_at = a.index_at.get(before, 0) + begin - before
    right_at = a.index_at.get(after, 0) - (after - end)

    start_pos, stop_pos = min(near), max(near)
    left_fixed = before >= 0 and read.pos <= left
    right_fixed = after >= 0 and a.end >= right
    if left_fixed:
        start = a.index_at[start_pos]
    else:
        start = max(0, (left_at if before >= 0 else right_at - inside) - (begin - left))
    if right_fixed:
        stop = a.index_at[stop_pos] + 1
    else:
        stop = min(n, (right_at if after >= 0 else left_at + inside) + right - end)

    more_before = a.index_at.get(before, 0) - a.clip_left
    more_after = n - 1 - a.clip_right - a.index_at.get(after, 0)
    hangs_left = after < 0 or (before >= 0 and more_before >= more_after)
    from_left = left_fixed or (not right_fixed and hangs_left)
    if from_left and not left_fixed:
        start_pos = before - (a.index_at[before] - start)
    if not from_left and not right_fixed:
        stop_pos = after + (stop - 1 - a.index_at[after])
    if from_left and stop - start > 320:
        stop, right_fixed = start + 320, False
    start = max(start, stop - 320)
    if start >= stop:
        return None
    piece = list(zip(read.seq[start:stop], read.qual[start:stop], strict=True))
    change = abs(len(allele.alt) - len(allele.ref))
    width = next((w for w in (32, 64) if 12 + change < w / 2), 128)
    unit = change if change and end - begin - len(allele.ref) >= change else 0

    def cost(other: Allele | None) -> int:
        moved = len(other.alt) - len(other.ref) if other else 0
        at = start_pos if from_left else stop_pos + moved - (len(piece) - 1)
        goal = stop_pos + moved - (len(piece) - 1) - at + width // 2 if right_fixed else None
        if goal is not None and not 0 <= goal < width:
            goal = None
        places = range(at - width // 2, at + width // 2 + len(piece))
        hap = [
            other.haplotype(p - other.begin) if other else allele.window.get(p, "") for p in places
        ]
        return affine(piece, hap, width, unit, width // 2 if left_fixed else None, goal)

    ref, alt = cost(None), cost(allele)
    return ref - alt, any(cost(rival) < min(ref, alt) for rival in rivals[:16])


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
