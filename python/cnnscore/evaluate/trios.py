"""A cohort's calls and a pedigree -> Mendelian errors before and after the filter, de-novo calls.

A record counts for a trio where all three are diploid and wholly called, and one of them carries an
ALT allele. It is an error where no allele of the father and one of the mother make the child's
genotype. *After the filter* a record counts if its FILTER lets it pass, and no FORMAT/FT of the
three names a filter. A de-novo call is an ALT allele, but not `*`, that the child carries and no
parent does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.record_types import is_spanning, record_types
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import BadInput
from cnnscore.files import table_lines
from cnnscore.filter.verdicts import TYPE_RULES

BATCH = 4096
TRIOS_NAME, DE_NOVO_NAME = "trios.tsv", "de_novo.tsv"
COLUMNS = ("child", "father", "mother", "type", "filter", "records", "errors", "de_novo")
STAGES = ("before", "after")


@dataclass(frozen=True)
class Trio:
    """Names of three samples."""

    child: str
    father: str
    mother: str


def read_pedigree(path: str) -> list[Trio]:
    """The trios of a PED file: family, individual, father, mother (0: unknown), and more columns,
    with blanks or tabs between. Lines of `#` are passed over.

    Errors: BadInput that names the line.
    """
    trios: dict[str, Trio] = {}
    seen: dict[str, int] = {}
    for number, line in enumerate(table_lines(path, f"the pedigree {path}"), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 4:
            raise BadInput(
                f"{path}: line {number} has {len(fields)} columns: give family, individual, father "
                "and mother, 0 for one that is not known"
            )
        child, father, mother = fields[1:4]
        if child in seen:
            raise BadInput(
                f"{path}: line {number} has the individual {child} of line {seen[child]}"
            )
        seen[child] = number
        if child in (father, mother) or (father == mother != "0"):
            raise BadInput(f"{path}: line {number}: {child}, {father} and {mother} are no trio")
        if "0" not in (father, mother):
            trios[child] = Trio(child, father, mother)
    if not trios:
        raise BadInput(f"{path} has no individual of whom both parents are known")
    return list(trios.values())


def _zeros() -> NDArray[np.int64]:
    return np.zeros((len(STAGES), len(VARIANT_TYPES)), np.int64)


@dataclass
class TrioCounts:
    """What one trio's genotypes say."""

    trio: Trio
    records: NDArray[np.int64] = field(default_factory=_zeros)
    """[stage, type] that count."""
    errors: NDArray[np.int64] = field(default_factory=_zeros)
    de_novo: NDArray[np.int64] = field(default_factory=_zeros)
    """[stage, type] ALT alleles."""
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    """De-novo calls: contig, pos, ref, alt, score of the child, of the site, and whether they
    pass."""

    def rows(self) -> Iterator[dict[str, Any]]:
        """By stage and type."""
        for s, stage in enumerate(STAGES):
            for t, name in enumerate(VARIANT_TYPES):
                yield {
                    **vars(self.trio),
                    "type": name,
                    "filter": stage,
                    "records": int(self.records[s, t]),
                    "errors": int(self.errors[s, t]),
                    "de_novo": int(self.de_novo[s, t]),
                }


def count_trios(path: str, trios: Sequence[Trio], intervals: Intervals) -> list[TrioCounts]:
    """Read the calls once, for all trios whose three samples they have.

    Errors: BadInput where they have no trio, or no genotypes.
    """
    calls = Calls(path, intervals=intervals, again=True)
    names = calls.sample_names
    if "GT" not in calls.fields("FORMAT"):
        raise BadInput(f"{path} has no genotypes (FORMAT/GT), which a pedigree is about")
    found = [TrioCounts(trio) for trio in trios if set(vars(trio).values()) <= set(names)]
    if not found:
        raise BadInput(
            f"{path} has no trio of the pedigree: of {trios[0].child}, {trios[0].father} and "
            f"{trios[0].mother} it lacks "
            + ", ".join(name for name in vars(trios[0]).values() if name not in names)
        )
    keys = [key for key in calls.fields("FORMAT") if key.startswith("CNN_")]
    key = keys[0] if keys else None
    site_key = "CNN_SITE" if calls.has_info("CNN_SITE") else None
    records = Records()
    while calls.read(records, BATCH):
        sites = records.sites()
        judged, _ = TYPE_RULES["vqsr"].of(record_types(sites, sequences_alone=True))
        passes = ~records.filtered()
        of_site = _first(sites, records.numbers("INFO", site_key)) if site_key else None
        for counts in found:
            _count(counts, names, records, sites, judged, passes, key, of_site)
    calls.close()
    return found


def _count(
    counts: TrioCounts,
    names: list[str],
    records: Records,
    sites: WindowBatch,
    judged: NDArray[np.int8],
    passes: NDArray[np.bool_],
    key: str | None,
    of_site: NDArray[np.float64] | None,
) -> None:
    columns = [names.index(name) for name in vars(counts.trio).values()]
    child, father, mother = (records.dosage(column).astype(np.int64) for column in columns)
    whole = np.ones(len(sites), bool)
    for dosage in (child, father, mother):
        whole &= np.add.reduceat(dosage, sites.site_allele[:-1]) == 2  # -1: not called, or in part
        whole &= np.minimum.reduceat(dosage, sites.site_allele[:-1]) >= 0
    carried = np.where(sites.is_alt, np.maximum(child, np.maximum(father, mother)), 0)
    counted = whole & (np.maximum.reduceat(carried, sites.site_allele[:-1]) > 0) & (judged >= 0)
    errors = counted & ~_possible(sites, child, father, mother)
    row = np.repeat(np.arange(len(sites)), np.diff(sites.site_allele))
    of_record = sites.is_alt & ~is_spanning(sites)
    new = of_record & (child > 0) & (father == 0) & (mother == 0) & counted[row]
    kept = passes.copy()
    for column in columns:
        kept &= ~records.genotype_filtered(column)
    for stage, at in enumerate((np.ones(len(sites), bool), kept)):
        for index in range(len(VARIANT_TYPES)):
            of_type = at & (judged == index)
            counts.records[stage, index] += np.count_nonzero(counted & of_type)
            counts.errors[stage, index] += np.count_nonzero(errors & of_type)
            counts.de_novo[stage, index] += np.count_nonzero(new & of_type[row])
    at_alleles = np.flatnonzero(new)
    if len(at_alleles):
        own = _first(sites, records.numbers("FORMAT", key, columns[0])) if key else None
        counts.calls += _described(sites, at_alleles, row[at_alleles], own, of_site, kept)


def _possible(
    sites: WindowBatch,
    child: NDArray[np.int64],
    father: NDArray[np.int64],
    mother: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """[N] whether an allele of the father and one of the mother make the child's genotype; of
    records that are wholly called."""
    first = sites.site_allele[:-1]
    row = np.repeat(np.arange(len(sites)), np.diff(sites.site_allele))
    twice = (child == 2) & (father > 0) & (mother > 0)
    possible: NDArray[np.bool_] = np.logical_or.reduceat(twice, first)
    once = np.flatnonzero(child == 1)
    pairs = np.flatnonzero((np.diff(row[once], append=-1) == 0) & (len(once) > 0))
    a, b = once[pairs], once[np.minimum(pairs + 1, max(len(once) - 1, 0))]
    of_both = ((father[a] > 0) & (mother[b] > 0)) | ((father[b] > 0) & (mother[a] > 0))
    possible[row[a[of_both]]] = True
    return possible


def _first(sites: WindowBatch, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N] a number per record, of one that stands for all its alleles."""
    return values[sites.site_allele[:-1]]


def _described(
    sites: WindowBatch,
    alleles: NDArray[np.int64],
    rows: NDArray[np.int64],
    own: NDArray[np.float64] | None,
    of_site: NDArray[np.float64] | None,
    kept: NDArray[np.bool_],
) -> Iterator[tuple[Any, ...]]:
    """De-novo calls, which are few."""

    def text(allele: int) -> str:
        begin, end = sites.allele_offset[allele : allele + 2].tolist()
        return sites.alleles[begin:end].tobytes().decode("ascii", "replace")

    for allele, row in zip(alleles.tolist(), rows.tolist(), strict=True):
        yield (
            sites.contig_name(int(sites.contig[row])),
            int(sites.pos[row]) + 1,
            text(int(sites.site_allele[row])),
            text(allele),
            None if own is None or np.isnan(own[row]) else float(own[row]),
            None if of_site is None or np.isnan(of_site[row]) else float(of_site[row]),
            bool(kept[row]),
        )


def write_trios(found: Sequence[TrioCounts], folder: Path) -> None:
    """Write trios.tsv, and de_novo.tsv with the child's best scores first."""
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(str(row[name]) for name in COLUMNS) for of in found for row in of.rows()]
    (folder / TRIOS_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")
    calls = [(of.trio.child, *one) for of in found for one in of.calls]
    calls.sort(key=lambda one: (one[5] is None, -(one[5] or 0.0)))
    lines = ["\t".join(("child", "contig", "pos", "ref", "alt", "score", "site", "filter"))]
    for *site, score, of_site, kept in calls:
        scores = ("none" if value is None else f"{value:.3f}" for value in (score, of_site))
        lines.append("\t".join((*map(str, site), *scores, "PASS" if kept else "fails")))
    (folder / DE_NOVO_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def trios_text(found: Sequence[TrioCounts]) -> list[str]:
    """Lines for the terminal."""
    lines = []
    for of in found:
        for t, name in enumerate(VARIANT_TYPES):
            (before, after), (errors, left), (new, kept) = (
                counts[:, t].tolist() for counts in (of.records, of.errors, of.de_novo)
            )
            lines.append(
                f"{of.trio.child}: {errors:,} of {before:,} {name}s are Mendelian errors, after "
                f"the filter {left:,} of {after:,}; {new:,} de-novo calls, after it {kept:,}"
            )
    return lines
