"""The sets beside the project that a network is judged by (accuracy.py): another simulator's calls,
real reads with planted truth, pairs of variants beside each other. What each must show:

other simulator, 30x  ROC AUC >= 0.98, of SNPs in collapsed and duplicated sequence >= 0.96; at the
                      default cut-off >= 75 % of the false calls go, <= 1.5 % of the true
planted truth         <= 0.3 % of the true calls go; no false homopolymer indel of 454 reads passes
pairs                 <= 1.5 % go, and <= 4 % lie below 0
without annotations   `reference`: >= 30 % of the false SNPs of bcftools and freebayes go, <= 1 % of
                      the true
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from call_sets import CallSet, Labelled, join
from cnnscore.network.cutoffs import DEFAULT_LEVELS, BareCutoffs, Cutoffs, bare
from questions import Claim, Loss, loss_claims, lost

SIMULATOR = "other simulator, 30x"
CALLERS = {"hc": "HaplotypeCaller", "bcf": "bcftools", "fb": "freebayes"}
PLANTED = {
    "hg001-chr1-planted": "planted, NA12878 30x",
    "mt-hg03706": "planted, mitochondrion 90x",
    "t7-454": "planted, 454 reads 67x",
}
PAIRS = "pairs of variants"
COPIES = ("segdup", "collapsed")
LEAST_AUC, LEAST_COPIES_AUC = 0.98, 0.96
LEAST_REMOVED, MOST_LOST = 0.75, 0.015
MOST_PLANTED_LOST = 0.003
LEAST_BARE_REMOVED, MOST_BARE_LOST = 0.30, 0.01
Spans = NDArray[np.int64]
"""[N, 2] start and end."""


def spans(bed: Path, kinds: Sequence[str] = ()) -> Spans:
    """The regions of a BED, or those of these names (its fourth column)."""
    rows = [line.split("\t") for line in bed.read_text().splitlines()]
    chosen = [row for row in rows if not kinds or row[3].strip() in kinds]
    return np.array([row[1:3] for row in chosen], np.int64).reshape(-1, 2)


def outside(bed: Path, fai: Path, out: Path) -> Path:
    """A BED of all that `bed` leaves of the contigs of `fai`."""
    left: list[str] = []
    excluded = [line.split("\t")[:3] for line in bed.read_text().splitlines()]
    for name, length, *_ in (line.split("\t") for line in fai.read_text().splitlines()):
        at = 0
        for start, end in sorted((int(a), int(b)) for of, a, b in excluded if of == name):
            if start > at:
                left.append(f"{name}\t{at}\t{start}")
            at = max(at, end)
        if at < int(length):
            left.append(f"{name}\t{at}\t{length}")
    out.write_text("\n".join(left) + "\n")
    return out


def open_sets(shared: Path, folder: Path) -> dict[str, CallSet]:
    """By name; a set of three callers has a name for each."""
    folder.mkdir(parents=True, exist_ok=True)
    data = shared / "data" / "other-simulator-h30"
    judged = folder / "other-simulator.bed"
    judged.write_text("ctg\t0\t180000\n")
    found = [
        CallSet(
            f"{SIMULATOR}, {name}",
            data / f"{short}.vcf.gz",
            data / "ref.fa",
            data / "sim.bam",
            data / "truth.vcf.gz",
            judged,
        )
        for short, name in CALLERS.items()
    ]
    for place, said in PLANTED.items():
        at = shared / "data" / "planted" / place
        judged = outside(at / "exclude.bed", at / "ref.fa.fai", folder / f"{place}.bed")
        found += [
            CallSet(
                f"{said}, {name}",
                at / f"{short}.vcf.gz",
                at / "ref.fa",
                at / "reads.bam",
                at / "truth.vcf.gz",
                judged,
            )
            for short, name in CALLERS.items()
        ]
    at = shared / "cases" / "pairs"
    truth = at / "truth.vcf.gz"
    found.append(CallSet(PAIRS, truth, at / "ref.fa", at / "reads.bam", truth))
    return {one.name: one for one in found}


@dataclass(frozen=True)
class OwnCutoffs:
    """A network's cut-offs, as `filter` takes them."""

    cutoffs: Cutoffs
    bare: BareCutoffs = field(default_factory=BareCutoffs)

    def removed(self, rows: Labelled, network: str) -> NDArray[np.bool_]:
        """[N] which records do not pass, each at the cut-off of its type, and a bare one at that of
        bare calls."""
        score, types = rows.scores[network], rows.variant_type
        gone = lost(score, types, levels(self.cutoffs))
        if not self.bare.cutoffs:
            return gone
        known = np.stack([~np.isnan(rows.scores[key]) for key in self.bare.annotations], axis=1)
        of_bare = lost(score, types, levels({**self.cutoffs, **self.bare.cutoffs}))
        return np.where(bare(known), of_bare, gone)


def share(gone: NDArray[np.bool_]) -> str:
    """How many, for people."""
    return f"{gone.sum()} of {len(gone)} ({gone.mean() if len(gone) else 0:.2%})"


def within(rows: Labelled, regions: Spans) -> NDArray[np.bool_]:
    """[N] which records lie in one of the regions."""
    start = rows.start[:, None]
    inside = (start >= regions[:, 0]) & (start < regions[:, 1])
    return np.asarray(inside.any(axis=1), np.bool_)


def simulator_claims(
    claim: Claim, auc: dict[str, float], rows: Labelled, network: str, own: OwnCutoffs
) -> None:
    """`auc` by claim's words, `rows` of all callers together."""
    for what, value in auc.items():
        least = LEAST_COPIES_AUC if "copies" in what else LEAST_AUC
        claim(f"{what}: ROC AUC >= {least}", f"{value:.4f}", value >= least)
    gone = own.removed(rows, network)
    false, true = gone[~rows.is_true], gone[rows.is_true]
    what = f"{SIMULATOR}, all callers, default cut-off"
    claim(f"{what}: false gone >= {LEAST_REMOVED:.0%}", share(false), false.mean() >= LEAST_REMOVED)
    claim(f"{what}: true lost <= {MOST_LOST:.1%}", share(true), true.mean() <= MOST_LOST)


def planted_claims(claim: Claim, sets: dict[str, Labelled], network: str, own: OwnCutoffs) -> None:
    """Of each planted set, all callers together; and the homopolymers of 454 reads."""
    for said in PLANTED.values():
        rows = join([sets[f"{said}, {name}"] for name in CALLERS.values()])
        gone = own.removed(rows, network)
        true = gone[rows.is_true]
        claim(
            f"{said}: true lost <= {MOST_PLANTED_LOST:.1%}",
            share(true),
            true.mean() <= MOST_PLANTED_LOST,
        )
        if "454" in said:
            kept = ~gone[~rows.is_true & (rows.variant_type == 1)]
            claim(f"{said}: no false indel passes", share(kept), not kept.any())


def pairs_claims(claim: Claim, rows: Labelled, network: str, own: OwnCutoffs) -> None:
    """Variants beside each other, as one list has them."""
    true = rows.take(rows.is_true)
    below = ~(true.scores[network] >= 0)
    gone = own.removed(true, network)
    loss_claims(claim, PAIRS, Loss(len(true), int(gone.sum()), int(below.sum())))


def bare_claims(claim: Claim, sets: dict[str, Labelled], network: str, own: OwnCutoffs) -> None:
    """SNPs of callers whose annotations a network without reads lacks."""
    for caller in ("bcftools", "freebayes"):
        rows = sets[f"{SIMULATOR}, {caller}"]
        snps = rows.take(rows.variant_type == 0)
        gone = own.removed(snps, network)
        false, true = gone[~snps.is_true], gone[snps.is_true]
        claim(
            f"{network}, SNPs of {caller}, default cut-off: false gone >= "
            f"{LEAST_BARE_REMOVED:.0%}, true lost <= {MOST_BARE_LOST:.0%}",
            f"{share(false)}, {share(true)}",
            false.mean() >= LEAST_BARE_REMOVED and true.mean() <= MOST_BARE_LOST,
        )


def levels(cutoffs: Cutoffs, level: float = DEFAULT_LEVELS[0]) -> dict[str, float]:
    """The cut-off of each type at a level, by default the one that a record must reach to pass; of
    a type without one, none that takes anything away."""
    return {name: of.get(level, -np.inf) for name, of in cutoffs.items()}


def by_kind(sets: dict[str, Labelled], shared: Path) -> Labelled:
    """All true calls, and the false ones in sequence that the donor has more copies of."""
    rows = join([sets[f"{SIMULATOR}, {name}"] for name in CALLERS.values()])
    bed = shared / "data" / "other-simulator-h30" / "kinds.bed"
    return rows.take(rows.is_true | within(rows, spans(bed, COPIES)))
