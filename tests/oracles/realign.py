"""read-set-2's alignments read a second time: one cell after the other, all of them."""

from __future__ import annotations

from typing import Any

from oracles.alleles import Aligned, Allele, bases, fits
from oracles.encode import Read

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
