"""The cohorts that cohorts.smk made: joint calls, scored and labelled."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from called import numbers, run, types
from cnnscore import _window
from cnnscore.calls.records import Calls, Records
from cnnscore.evaluate.sampled import LOCUS_BITS
from cnnscore.truth.labels import FALSE, TRUE, Labeller, called_dosage
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import TruthSet

Floats = NDArray[np.float64]
CALLER_NAMES = {"gatk": "GenotypeGVCFs", "bcftools": "bcftools mpileup, call"}


@dataclass(frozen=True)
class Cohort:
    """One cohort by one joint caller, in the folder that the recipe filled."""

    folder: Path
    split: str
    caller: str
    samples: tuple[str, ...]
    trio: bool

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.folder.name}.{self.caller}"

    @property
    def calls(self) -> Path:
        """The joint calls."""
        return self.folder / f"{self.caller}.vcf.gz"


@dataclass(frozen=True, eq=False)
class Labelled:
    """N records that can be judged, and the M carriers of these that have a score."""

    is_true: NDArray[np.bool_]
    """[N] whether any carrier has the allele that it is called with."""
    variant_type: NDArray[np.int8]
    """[N] index into TYPES."""
    locus: NDArray[np.uint64]
    """[N]"""
    numbers: dict[str, Floats]
    """[N] QUAL and INFO by key, NaN: missing."""
    record: NDArray[np.int64]
    """[M] row of each carrier, ascending."""
    carrier_true: NDArray[np.bool_]
    """[M]"""
    carrier: dict[str, Floats]
    """[M] FORMAT by key."""

    @property
    def carriers(self) -> NDArray[np.int64]:
        """[N] how many carriers have a score."""
        return np.bincount(self.record, minlength=len(self.is_true))

    def take(self, rows: NDArray[np.bool_]) -> Labelled:
        """Some records, with their carriers."""
        of = rows[self.record]
        number = np.cumsum(rows) - 1
        return Labelled(
            self.is_true[rows],
            self.variant_type[rows],
            self.locus[rows],
            {key: values[rows] for key, values in self.numbers.items()},
            number[self.record[of]],
            self.carrier_true[of],
            {key: values[of] for key, values in self.carrier.items()},
        )


def join(parts: Sequence[Labelled]) -> Labelled:
    """All records of several."""
    starts = np.cumsum([0, *(len(part.is_true) for part in parts)])
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("is_true", "variant_type", "locus", "carrier_true")
    }
    for name in ("numbers", "carrier"):
        joined[name] = {
            key: np.concatenate([getattr(part, name)[key] for part in parts])
            for key in getattr(parts[0], name)
        }
    rows = [part.record + start for part, start in zip(parts, starts, strict=False)]
    return Labelled(**joined, record=np.concatenate(rows))


def pooled(cohorts: Sequence[Labelled]) -> Labelled:
    """All records of several cohorts, whose loci are each other's elsewhere."""
    shift = np.uint64(LOCUS_BITS)
    return join(
        [
            replace(cohort, locus=cohort.locus | (np.uint64(number) << shift))
            for number, cohort in enumerate(cohorts)
        ]
    )


def cohorts(folder: Path, callers: Sequence[str]) -> list[Cohort]:
    """The cohorts in a folder that cohorts.smk filled."""
    design = folder / "cohorts.json"
    if not design.exists():
        raise SystemExit(f"no cohorts in {folder}: `make cohorts` makes them")
    return [
        Cohort(
            folder / cohort["name"],
            cohort["split"],
            caller,
            tuple(member["name"] for member in cohort["members"]),
            cohort["trio"],
        )
        for cohort in json.loads(design.read_text())
        for caller in callers
    ]


def score(cohort: Cohort, network: Path, out: Path, *, without_likelihoods: bool = False) -> Path:
    """The calls with the carriers' scores; made once for the bytes of network and native code."""
    bytes_ = network.read_bytes() + Path(_window.__file__).read_bytes()
    print_ = hashlib.sha256(bytes_).hexdigest()[:12]
    kind = "without-pl" if without_likelihoods else "scored"
    scored = out / f"{kind}.{print_}" / f"{cohort.name}.vcf.gz"
    if scored.exists() and scored.stat().st_mtime > cohort.calls.stat().st_mtime:
        return scored
    scored.parent.mkdir(parents=True, exist_ok=True)
    table = scored.with_name(f"{cohort.name}.tsv")
    rows = (f"{name}\t{cohort.folder / name}.bam\n" for name in cohort.samples)
    table.write_text("".join(rows))
    calls = cohort.calls
    if without_likelihoods:
        calls = scored.with_name(f"{cohort.name}.bare.vcf.gz")
        run("bcftools", "annotate", "-x", "FORMAT/PL", "-Oz", "-o", calls, cohort.calls)
    run(
        sys.executable, "-m", "cnnscore", "score", calls, "-R", cohort.folder / "ref.fa",
        "--sample-map", table, "-m", network, "-o", scored, "--quiet",
    )  # fmt: skip
    return scored


def label(cohort: Cohort, calls: Path, keys: Sequence[str]) -> Labelled:
    """What can be judged of `calls`, a scored file of the cohort, with these INFO keys."""
    reference = str(cohort.folder / "ref.fa")
    confident = Regions.read(str(cohort.folder / f"{cohort.caller}.bed"))
    truths = [
        TruthSet.read(str(cohort.folder / "truth.vcf.gz"), reference=reference, sample=name)
        for name in cohort.samples
    ]
    labellers = [Labeller(truth, confident) for truth in truths]
    file, records = Calls(str(calls)), Records()
    dosages = [called_dosage(file, name) for name in cohort.samples]
    declared = set(file.fields("INFO"))
    parts = []
    while n := file.read(records, 4096):
        sites = records.sites()
        first = sites.site_allele[:-1]
        found = np.stack(
            [
                labeller.label(sites, dosage(records)).record
                for labeller, dosage in zip(labellers, dosages, strict=True)
            ],
            axis=1,
        )
        scores, qualities = (
            np.stack(
                [records.numbers("FORMAT", key, i)[first] for i in range(len(cohort.samples))],
                axis=1,
            )
            for key in ("CNN_READS", "GQ")
        )
        judged = (found == TRUE) | (found == FALSE)
        record, sample = np.nonzero(judged & ~np.isnan(scores))
        part = Labelled(
            (found == TRUE).any(axis=1),
            types(sites),
            sites.pos.astype(np.uint64),
            numbers(records, keys, declared),
            record,
            found[record, sample] == TRUE,
            {"CNN_READS": scores[record, sample], "GQ": qualities[record, sample]},
        )
        parts.append(part.take(np.bincount(record, minlength=n) > 0))
    file.close()
    return join(parts)
