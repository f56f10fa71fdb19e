"""A call file -> the few records to look at, as a small VCF of their own.

Two passes: one over the columns of all records (numbers only, so memory is a few bytes per record),
one that copies the chosen records, text and all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Intervals, Records, Writer
from cnnscore.errors import BadInput, UsageError
from cnnscore.progress import NoProgress, Progress
from cnnscore.truth.labels import FALSE, TRUE, Labeller, called_dosage

MAX_SITES = 1000
"""Most sites of a page: about 50 MB of it at 128 reads per site."""
RECORDS_PER_READ = 4096
TYPICAL_RECORDS = 100_000
"""Records whose annotations give the typical values; the first ones of the file."""


@dataclass(frozen=True)
class SiteName:
    """`CONTIG:POS` or `CONTIG:POS:REF:ALT`, POS 1-based, ALT with commas as in the record."""

    contig: str
    pos: int
    ref: str | None = None
    alt: str | None = None

    @classmethod
    def parse(cls, text: str) -> SiteName:
        """Errors: UsageError. Contig names may hold colons (HLA): the end of the text decides."""
        parts = text.split(":")
        if len(parts) >= 4 and parts[-2].isalpha() and _position(parts[-3]):
            contig, alleles = ":".join(parts[:-3]), parts[-2:]
            if contig:
                return cls(contig, _position(parts[-3]), alleles[0], alleles[1])
        if len(parts) >= 2 and _position(parts[-1]):
            return cls(":".join(parts[:-1]), _position(parts[-1]))
        raise UsageError(f"{text!r} names no site: write CONTIG:POS or CONTIG:POS:REF:ALT")

    def __str__(self) -> str:
        alleles = f":{self.ref}:{self.alt}" if self.ref is not None else ""
        return f"{self.contig}:{self.pos}{alleles}"


def _position(text: str) -> int:
    digits = text.replace(",", "")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


@dataclass(frozen=True)
class Choice:
    """Which records, and how many at most. Of `sites`, `worst`, `near` and `random` at most one.

    `worst`: with labels the false calls of highest and the true calls of lowest score, half of
    each; without, the lowest scores. `near`: the scores nearest to that threshold. `random`: a
    sample, by `seed`. None of them: the first records.
    """

    limit: int = 200
    sites: tuple[SiteName, ...] = ()
    worst: bool = False
    near: float | None = None
    random: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        rules = [bool(self.sites), self.worst, self.near is not None, self.random]
        if sum(rules) > 1:
            raise UsageError("give one of `sites=`, `worst=`, `near=` and `random=`")
        if not 1 <= self.limit <= MAX_SITES:
            raise UsageError(f"{self.limit} sites: a page holds 1 to {MAX_SITES:,}")

    @property
    def needs_scores(self) -> bool:
        """Whether the rule looks at scores."""
        return self.worst or self.near is not None


@dataclass
class Columns:
    """What the first pass keeps of every record."""

    scores: NDArray[np.float32]
    """[N] the column asked for; NaN where missing or not asked for."""
    typical: NDArray[np.float32]
    """[A] the median of each annotation over the first records; NaN where all are missing."""
    matches: NDArray[np.int64]
    """Records that a SiteName asks for, in its order."""
    labels: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    """[N] labels of the records (truth.py); empty without a truth set."""

    def __len__(self) -> int:
        return len(self.scores)


class Gathering:
    """Batch after batch of records -> Columns."""

    def __init__(self, sites: Sequence[SiteName], n_annotations: int) -> None:
        self._sites, self._n_annotations = sites, n_annotations
        self._scores: list[NDArray[np.float32]] = []
        self._sample: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.int8]] = []
        self._found: dict[SiteName, int] = {}
        self.n = 0

    def add(
        self,
        columns: WindowBatch,
        annotations: NDArray[np.float32],
        scores: NDArray[np.float32] | None,
        labels: NDArray[np.int8] | None,
    ) -> None:
        """The next records: their site columns, annotations [n, A], and what is known of them."""
        if self.n < TYPICAL_RECORDS:
            self._sample.append(annotations.copy())
        if scores is None:
            scores = np.full(len(columns), np.nan, np.float32)
        self._scores.append(scores.copy())
        if labels is not None:
            self._labels.append(labels)
        for site in self._sites:
            if site not in self._found and (index := _find(columns, site)) is not None:
                self._found[site] = self.n + index
        self.n += len(columns)

    def columns(self, name: str) -> Columns:
        """All of them. Errors: BadInput for a site that the file `name` does not have."""
        for site in self._sites:
            if site not in self._found:
                raise BadInput(
                    f"{name} has no record {site} among the {self.n:,} read: look there with "
                    "`bcftools view`"
                )
        return Columns(
            scores=np.concatenate([np.zeros(0, np.float32), *self._scores]),
            typical=_medians(self._sample, self._n_annotations),
            matches=np.array([self._found[site] for site in self._sites], np.int64),
            labels=np.concatenate([np.zeros(0, np.int8), *self._labels]),
        )


def read_columns(
    path: str,
    intervals: Intervals,
    *,
    annotations: Sequence[str],
    score_key: str | None,
    sites: Sequence[SiteName] = (),
    labeller: Labeller | None = None,
    sample: str | None = None,
    reference: str | None = None,
    progress: Progress | None = None,
) -> Columns:
    """The first pass. The labels are of the alleles that `sample` carries; of all, where the file
    has several and none is named. Errors: BadInput of the call file; a site that it does not have.
    """
    keys = [*annotations, *([score_key] if score_key else [])]
    calls = Calls(path, intervals=intervals, annotations=keys, reference=reference)
    records = Records()
    progress = progress or NoProgress()
    gathering = Gathering(sites, len(annotations))
    one = sample is not None or calls.samples <= 1
    dosage = called_dosage(calls, sample) if labeller and one else lambda _: None
    while calls.read(records, RECORDS_PER_READ):
        columns = records.sites()
        gathering.add(
            columns,
            columns.annotations[:, : len(annotations)],
            columns.annotations[:, -1] if score_key else None,
            labeller.label(columns, dosage(records)).record if labeller else None,
        )
        progress.update(gathering.n, columns.locus(-1), calls.progress())
    progress.clear()
    calls.close()
    if labeller:
        labeller.check(path)
    return gathering.columns(path)


def _find(columns: WindowBatch, site: SiteName) -> int | None:
    for index in np.flatnonzero(columns.pos == site.pos - 1):
        if columns.locus(int(index)) != f"{site.contig}:{site.pos}":
            continue
        ref, *alts = alleles_of(columns, int(index))
        if site.ref is None or (site.ref, site.alt) == (ref, ",".join(alts) or "."):
            return int(index)
    return None


def alleles_of(columns: WindowBatch, site: int) -> list[str]:
    """Allele strings of a site, REF first."""
    first, last = columns.site_allele[site : site + 2]
    ends = columns.allele_offset[first : last + 1]
    return [
        columns.alleles[begin:end].tobytes().decode("utf-8", "replace")
        for begin, end in pairwise(ends)
    ]


def _medians(sample: list[NDArray[np.float32]], n_annotations: int) -> NDArray[np.float32]:
    typical = np.full(n_annotations, np.nan, np.float32)
    values = np.concatenate(sample) if sample else np.zeros((0, n_annotations), np.float32)
    for column in range(n_annotations):
        known = values[np.isfinite(values[:, column]), column]
        if len(known):
            typical[column] = np.median(known)
    return typical


def choose(columns: Columns, choice: Choice) -> NDArray[np.int64]:
    """Numbers of the chosen records, most interesting first. Errors: UsageError without a score."""
    if choice.sites:
        return columns.matches[: choice.limit]
    if choice.random:
        everyone = np.random.default_rng(choice.seed).permutation(len(columns))
        return np.sort(everyone[: choice.limit])
    if not choice.needs_scores:
        return np.arange(min(len(columns), choice.limit))
    scored = np.flatnonzero(np.isfinite(columns.scores))
    scores = columns.scores[scored]
    if choice.near is not None:
        return scored[np.argsort(np.abs(scores - choice.near), kind="stable")][: choice.limit]
    if not len(columns.labels):
        return scored[np.argsort(scores, kind="stable")][: choice.limit]
    labels = columns.labels[scored]
    false = scored[labels == FALSE][np.argsort(-scores[labels == FALSE], kind="stable")]
    true = scored[labels == TRUE][np.argsort(scores[labels == TRUE], kind="stable")]
    half = max(choice.limit // 2, choice.limit - len(true))
    false = false[:half]
    true = true[: choice.limit - len(false)]
    # In turn, so that a page cut short shows both.
    turn = np.concatenate([2 * np.arange(len(false)), 2 * np.arange(len(true)) + 1])
    chosen: NDArray[np.int64] = np.concatenate([false, true])[np.argsort(turn, kind="stable")]
    return chosen


def copy_records(
    path: str,
    intervals: Intervals,
    chosen: NDArray[np.int64],
    output: Path,
    reference: str | None = None,
) -> NDArray[np.int64]:
    """Write the chosen records to `output` (VCF), in file order; their numbers in that order."""
    in_order = np.unique(chosen)
    calls = Calls(path, intervals=intervals, reference=reference, again=True)
    records, skipped = Records(), Records()
    writer = Writer(calls, os.fspath(output), os.fspath(output), "w")
    try:
        at = 0
        for number in in_order:
            while at < number:
                read = calls.read(skipped, int(min(number - at, RECORDS_PER_READ)))
                if not read:
                    raise BadInput(f"{path} became shorter while it was read: try again")
                at += read
            if calls.read(records, 1) != 1:
                raise BadInput(f"{path} became shorter while it was read: try again")
            at += 1
            writer.write(records, "", np.full(1, np.nan, np.float32))
    finally:
        writer.close()
        calls.close()
    return in_order
