"""Which rows teach and which are held out: whole blocks, and of each class the part that was asked.

A block's first choice is by a hash of its contig and number alone, so that the same locus of two
samples falls alike. Blocks are then moved, as few as will do, until each class has about the parts
that were asked for in each split: calls lie in clusters, and a hash alone holds out nothing of a
small data set, or half of it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.dataset.parquet import SPLITS, Dataset
from cnnscore.description import LABELS
from cnnscore.errors import BadInput, UsageError

log = logging.getLogger("cnnscore")
BLOCKS = (100_000, 50_000, 20_000, 10_000, 5_000, 2_000)
"""Sizes that are tried, the greatest first; with less than 2 kb many a read would lie in two."""
TEST = SPLITS.index("test")
_N_PLANNED = TEST
_NEAR = 0.03
"""Part of a class by which a split may miss what was asked without a word."""
_NONE_THERE = 10.0
"""Cost of a split without rows of a class: more than any distance of parts."""
_LEAST_GAIN = 1e-12
_MOST_TO_EXCHANGE = 500
"""Blocks of which each pair is tried."""
_CONTIG_SHIFT = 40
_OTHERS_HAVE_THEM = (
    "`allow_empty_splits=`, if other data sets that are trained on with it have such rows"
)


@dataclass(frozen=True)
class SplitRule:
    """How rows are to be split."""

    held_out: tuple[str, ...] = ()
    """Contigs that are `test`."""
    validation: float = 0.1
    calibration: float = 0.1
    block: int | None = None
    """Bases of a block; None: the greatest of BLOCKS with which each class is split as asked."""
    allow_empty: bool = False
    """Whether a split may lack a class that the rows have: other files have it."""

    @property
    def parts(self) -> NDArray[np.float64]:
        """[3] of train, validation, calibration."""
        held_out = self.validation + self.calibration
        return np.array([1 - held_out, self.validation, self.calibration])

    def of(self, contig: str, pos: int) -> int:
        """The first choice for the site at a 0-based position: an index into SPLITS."""
        if contig in self.held_out:
            return TEST
        at = hash_text(f"{contig}:{pos // (self.block or BLOCKS[0])}") / 2.0**64
        if at < self.validation:
            return SPLITS.index("validation")
        if at < self.validation + self.calibration:
            return SPLITS.index("calibration")
        return SPLITS.index("train")


@cache
def hash_text(text: str) -> int:
    """64 bits that are the same always."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, eq=False)
class Loci:
    """Rows: where each lies, which class it is of."""

    contigs: tuple[str, ...]
    contig: NDArray[np.int32]
    pos: NDArray[np.int64]
    label: NDArray[np.int8]

    def keys(self, block: int) -> NDArray[np.int64]:
        """[n] a number for each row's block."""
        return (self.contig.astype(np.int64) << _CONTIG_SHIFT) + self.pos // block


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """The split of each block."""

    block: int
    keys: NDArray[np.int64]
    """[B] blocks, ascending."""
    split: NDArray[np.int8]
    """[B]"""
    counts: NDArray[np.int64]
    """[split, class] rows of these blocks."""

    def of(self, loci: Loci) -> NDArray[np.int8]:
        """[n] indices into SPLITS of rows that the plan was made of."""
        return self.split[np.searchsorted(self.keys, loci.keys(self.block))]


def plan_splits(rows: Loci, rule: SplitRule, output: Path) -> SplitPlan:
    """The plan for the rows of the data set `output`. A block that another data set of its folder
    has keeps the split that it has there.

    Errors: UsageError when a contig that is to be held out has no row or is not held out there, or
    all are, or blocks of another size are; BadInput when a split lacks a class.
    """
    there = np.unique(rows.contig).tolist()
    _check_held_out(rows.contigs, there, rule)
    others, known, sizes = _neighbours(output, rows.contigs, there, rule)
    plans = [_plan(rows, others, known, rule, block) for block in sizes]
    far = [float(_distances(plan, rule).max()) for plan in plans]
    near = [at for at, distance in enumerate(far) if distance <= 1]
    best = near[0] if near else int(np.argmin(far))
    plan = plans[best]
    if not rule.allow_empty:
        _check_classes(plan, rule, output)
    if far[best] > 1:
        _say_far(plan, rule, output)
    return plan


def check_splits(contigs: Sequence[str], rule: SplitRule, output: Path) -> None:
    """Errors: those of `plan_splits` that are known before the calls, which may lie on all of
    these contigs.
    """
    contigs, there = tuple(contigs), range(len(contigs))
    _check_held_out(contigs, there, rule)
    others, known, sizes = _neighbours(output, contigs, there, rule)
    for block in sizes:
        _plan(_no_rows(contigs), others, known, rule, block)


def _check_held_out(contigs: Sequence[str], there: Iterable[int], rule: SplitRule) -> None:
    """`there` are the numbers of the contigs that have rows."""
    with_rows = {contigs[i] for i in there}
    for name in rule.held_out:
        if name not in contigs:
            names = ", ".join(contigs[:5]) + (", ..." if len(contigs) > 5 else "")
            raise UsageError(f"`hold_out={name}`: the calls have no such contig; they have {names}")
        if name not in with_rows:
            raise UsageError(f"`hold_out={name}`: no row lies there, so nothing would be tested")
    if with_rows <= set(rule.held_out) and not rule.allow_empty:
        raise UsageError(
            f"`hold_out={','.join(rule.held_out)}`: no row lies elsewhere, so none is left to train"
            f" on: hold out fewer contigs; or {_OTHERS_HAVE_THEM}"
        )


def _no_rows(contigs: tuple[str, ...]) -> Loci:
    return Loci(contigs, np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int8))


def _neighbours(
    output: Path, contigs: tuple[str, ...], there: Iterable[int], rule: SplitRule
) -> tuple[Loci, NDArray[np.int8], tuple[int, ...]]:
    """Rows of the other data sets in the folder of `output` that lie on the contigs of the numbers
    `there`; their splits; the sizes of blocks to try: that of the rule, or theirs, if they say one.
    """
    number = {contigs[i]: i for i in there}
    parts: list[tuple[Loci, NDArray[np.int8]]] = []
    size = None
    for path in sorted(output.parent.glob("*.parquet")):
        if path == output or (output.exists() and path.samefile(output)):
            continue
        dataset = Dataset(path)
        if number.keys().isdisjoint(name for name, _ in dataset.layout.contigs):
            continue
        names, pos, found = dataset.loci()
        contig = np.array([number.get(name, -1) for name in names], np.int32)
        on = contig >= 0
        if on.any():
            size = dataset.layout.provenance.get("splits", {}).get("block", size)
            parts.append((Loci(contigs, contig[on], pos[on], found.label[on]), found.split[on]))
    none = _no_rows(contigs)
    parts.append((none, none.label))
    joined = Loci(
        contigs,
        np.concatenate([loci.contig for loci, _ in parts]),
        np.concatenate([loci.pos for loci, _ in parts]),
        np.concatenate([loci.label for loci, _ in parts]),
    )
    given = rule.block or size
    sizes = BLOCKS if given is None else (given,)
    return joined, np.concatenate([split for _, split in parts]), sizes


def _plan(
    rows: Loci, others: Loci, known: NDArray[np.int8], rule: SplitRule, block: int
) -> SplitPlan:
    own, theirs = rows.keys(block), others.keys(block)
    keys, at = np.unique(np.concatenate([own, theirs]), return_inverse=True)
    label = np.concatenate([rows.label, others.label]).astype(np.int64)
    n = len(LABELS)
    counts = np.bincount(at * n + label, minlength=len(keys) * n).reshape(-1, n)
    sized = replace(rule, block=block)
    names = [rows.contigs[key >> _CONTIG_SHIFT] for key in keys]
    first = (1 << _CONTIG_SHIFT) - 1
    split = np.array(
        [sized.of(c, int(key & first) * block) for c, key in zip(names, keys, strict=True)],
        np.int8,
    )
    free = split != TEST
    at_theirs = at[len(own) :]
    for number in range(len(SPLITS)):
        of_split = np.unique(at_theirs[known == number])
        if not free[of_split].all():
            _say_conflict(names[of_split[~free[of_split]][0]], rule, block)
        split[of_split], free[of_split] = number, False
    if free.any():
        _move(counts, split, free, rule.parts)
    totals = np.zeros((len(SPLITS), n), np.int64)
    np.add.at(totals, split, counts)
    return SplitPlan(block, keys, split, totals)


def _say_conflict(contig: str, rule: SplitRule, block: int) -> None:
    if contig in rule.held_out:
        raise UsageError(
            f"`hold_out={contig}`: another data set of the folder trains on it, or validates: make "
            "that again with `hold_out=`, or choose another folder"
        )
    raise UsageError(
        f"another data set of the folder splits {contig} in blocks of another size than "
        f"{block:,} bases: give `block=` as there, or choose another folder"
    )


def _move(
    counts: NDArray[np.int64],
    split: NDArray[np.int8],
    free: NDArray[np.bool_],
    parts: NDArray[np.float64],
) -> None:
    """Move free blocks between splits, or exchange two, while that brings the parts of the classes
    nearer to those asked, in place: what helps most first."""
    total = counts[split != TEST].sum(axis=0)
    share = counts[:, total > 0] / total[total > 0]  # [B, K] part of a class that a block has
    wanted = np.broadcast_to(parts[:, None], (_N_PLANNED, share.shape[1]))
    blocks = np.flatnonzero(free)
    now = np.stack([share[split == number].sum(axis=0) for number in range(_N_PLANNED)])
    placing = _Placing(share, split, now, wanted)
    for _ in range(len(blocks) * _N_PLANNED):
        if (np.abs(now - wanted) <= _NEAR / 2).all():
            return
        change, moves = placing.best_move(blocks)
        if change > -_LEAST_GAIN and len(blocks) <= _MOST_TO_EXCHANGE:
            change, moves = placing.best_exchange(blocks)
        if change > -_LEAST_GAIN:
            return
        placing.carry_out(moves)


Moves = list[tuple[int, int]]
"""Blocks and the splits that they go to."""


def _cost(held: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """[...] of parts [..., K]."""
    lacking = (held < 1e-12) & (wanted > 0)
    total: NDArray[np.float64] = ((held - wanted) ** 2 + _NONE_THERE * lacking).sum(axis=-1)
    return total


@dataclass(frozen=True, eq=False)
class _Placing:
    """Which split each block is in, and what moves would bring nearer to what is asked."""

    share: NDArray[np.float64]
    """[B, K] part of a class that a block has."""
    split: NDArray[np.int8]
    """[B] changed in place."""
    now: NDArray[np.float64]
    """[splits, K] parts that the splits have, changed in place,"""
    wanted: NDArray[np.float64]
    """and are to have."""

    def best_move(self, blocks: NDArray[np.int64]) -> tuple[float, Moves]:
        """One block into another split: the change of the cost, and the move."""
        share, wanted = self.share[blocks], self.wanted
        home, cost = self.split[blocks], _cost(self.now, wanted)
        leaving = _cost(self.now[home] - share, wanted[home]) - cost[home]
        change = leaving[:, None] + _cost(self.now + share[:, None, :], wanted) - cost
        change[np.arange(len(blocks)), home] = 0
        best, to = np.unravel_index(int(np.argmin(change)), change.shape)
        return float(change[best, to]), [(int(blocks[best]), int(to))]

    def best_exchange(self, blocks: NDArray[np.int64]) -> tuple[float, Moves]:
        """Two blocks of two splits against each other."""
        share, now, wanted = self.share, self.now, self.wanted
        best, moves = 0.0, list[tuple[int, int]]()
        cost, home = _cost(now, wanted), self.split[blocks]
        for one, other in ((0, 1), (0, 2), (1, 2)):
            ours, theirs = blocks[home == one], blocks[home == other]
            if not (len(ours) and len(theirs)):
                continue
            gain = share[theirs][None] - share[ours][:, None]  # [ours, theirs, K] of the first
            change = _cost(now[one] + gain, wanted[one]) + _cost(now[other] - gain, wanted[other])
            a, b = np.unravel_index(int(np.argmin(change)), change.shape)
            found = float(change[a, b] - cost[one] - cost[other])
            if found < best:
                best, moves = found, [(int(ours[a]), other), (int(theirs[b]), one)]
        return best, moves

    def carry_out(self, moves: Moves) -> None:
        """Move blocks."""
        for block, to in moves:
            self.now[self.split[block]] -= self.share[block]
            self.now[to] += self.share[block]
            self.split[block] = to


def _distances(plan: SplitPlan, rule: SplitRule) -> NDArray[np.float64]:
    """[split, class] how far from what was asked, in units of what is near; infinite where a split
    lacks a class that there is enough of. One row is always near."""
    counts = plan.counts[:_N_PLANNED]
    total = counts.sum(axis=0)
    wanted = rule.parts[:, None] * total
    distance: NDArray[np.float64] = np.abs(counts - wanted) / np.maximum(_NEAR * total, 1)
    enough = total >= (rule.parts > 0).sum()
    distance[(counts == 0) & (wanted > 0) & enough] = np.inf
    return distance


def _say_far(plan: SplitPlan, rule: SplitRule, output: Path) -> None:
    distance, total = _distances(plan, rule), plan.counts[:_N_PLANNED].sum(axis=0)
    split, label = np.unravel_index(int(np.argmax(distance)), distance.shape)
    smaller = rule.block and plan.block > BLOCKS[-1]  # else they were tried
    log.warning(
        "%s: %s of %s %s are %s rows, where %.0f %% were asked: %s",
        output,
        f"{plan.counts[split, label]:,}",
        f"{total[label]:,}",
        LABELS[label],
        SPLITS[split],
        100 * rule.parts[split],
        "smaller blocks come nearer (`block=`)" if smaller else "they lie in few places",
    )


def _check_classes(plan: SplitPlan, rule: SplitRule, output: Path) -> None:
    """Errors: BadInput when a split has no row of a class that there are enough of for each; of
    fewer a warning, as `train` judges all data sets together."""
    counts = plan.counts[:_N_PLANNED]
    total = counts.sum(axis=0)
    wanted = rule.parts > 0
    for number in np.flatnonzero(wanted):
        for label in np.flatnonzero((counts[number] == 0) & (total > 0)):
            text = f"no {LABELS[label]} falls into the {SPLITS[number]} rows, of {total[label]:,}"
            if total[label] >= wanted.sum():
                blocks = f"in blocks of {plan.block:,} bases"
                raise BadInput(f"{output}: {text} {blocks}: {_remedy(rule, plan.block)}")
            log.warning("%s: %s", output, text)


def _remedy(rule: SplitRule, block: int) -> str:
    smaller = [size for size in BLOCKS if size < block]
    first = f"smaller blocks (`block={smaller[0]}`), " if rule.block and smaller else ""
    return f"{first}more calls or looser ones; or {_OTHERS_HAVE_THEM}"
