"""vcfeval or hap.py, if installed, in place of our own comparison.

Both match haplotypes, so they find that variants are the same even when they are written in quite
different ways. We write a VCF for them, with one sample of each file and the records that are
wanted. We read their verdicts back as sets of alleles, and look our normalised alleles up there.
A verdict is on a record and its genotype. If it says that they match in part, those ALT alleles are
true that the truth set lists. If the truth set lists none of them (it writes them in another way),
all are true.
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Intervals
from cnnscore.errors import BadInput, UsageError
from cnnscore.evaluate.one_sample import SAMPLE, OneSample, one_sample
from cnnscore.programs import run_program
from cnnscore.truth.genotypes import carried, file_has_genotypes
from cnnscore.truth.labels import (
    FALSE,
    NOT_CALLED,
    NOT_COMPARED,
    OUTSIDE,
    TRUE,
    Labeller,
    Labels,
    labels_of,
)
from cnnscore.truth.truth_set import TruthSet

COMPARATORS = {"vcfeval": "rtg", "hap.py": "hap.py"}
"""Name -> the program it needs."""

IN_PART = ("FP_CA", "FN_CA")
"""Verdicts, as vcfeval writes them: an allele is common, and the genotypes differ."""
ELSEWHERE = ("OUT", "UNK")
"""Verdicts of records outside the confident regions, of vcfeval and hap.py."""


@dataclass(frozen=True)
class Wanted:
    """What is compared: two files, which sample of each, which records and alleles."""

    calls: str
    truth: str
    confident: str
    reference: str
    intervals: Intervals
    sample: str | None = None
    truth_sample: str | None = None
    passing_truth: bool = False
    match_genotype: bool = False
    all_alleles: bool = False


class Verdict:
    """What another tool found in one call file; a `LabelSource`.

    `called` are the alleles by label. `partly` are the alleles of records that match the truth set
    `listed` in part. `found` and `missed` are alleles of the truth set, as it writes them; labels
    have the rows of `found`, where a call writes an allele in the same way.
    """

    def __init__(
        self,
        called: Mapping[int, TruthSet],
        partly: TruthSet | None,
        listed: TruthSet,
        *,
        found: TruthSet | None,
        missed: TruthSet | None,
        all_alleles: bool,
    ) -> None:
        self._called = {label: Labeller(alleles, None) for label, alleles in called.items()}
        self._partly = None if partly is None else Labeller(partly, None)
        self._listed = Labeller(listed, None)
        self._found = None if found is None else Labeller(found, None)
        self._all_alleles = all_alleles
        self.found, self.missed = found, missed

    def label(self, sites: WindowBatch, dosage: NDArray[np.int8] | None = None) -> Labels:
        """Labels as of `Labeller.label`; an allele that the tool did not judge is NOT_COMPARED."""
        by_label = {label: one.label(sites) for label, one in self._called.items()}
        alleles = next(iter(by_label.values())).alleles
        part = np.full(len(alleles), NOT_COMPARED, np.int8)
        # An allele that is in two records gets the better of their verdicts.
        for label in sorted(by_label):
            part[by_label[label].part == TRUE] = label
        if dosage is not None and not self._all_alleles:
            part[~carried(dosage)[alleles.row]] = NOT_CALLED
        if self._partly is not None:
            shared = (self._partly.label(sites).part == TRUE) & (part == TRUE)
            listed = self._listed.label(sites).part == TRUE
            any_listed = np.zeros(len(sites), bool)
            any_listed[alleles.site[shared & listed]] = True
            part[shared & ~listed & any_listed[alleles.site]] = FALSE
        truth = np.full(len(alleles), -1)
        if self._found is not None:
            truth = np.where(part == NOT_CALLED, -1, self._found.label(sites).truth)
        return labels_of(sites, alleles, part, truth)


def check_comparator(
    tool: str,
    calls: Sequence[str],
    truth: str,
    *,
    confident: str | None,
    reference: str | None,
    all_alleles: bool,
    match_genotype: bool,
) -> None:
    """Errors: UsageError when `tool` is not installed, lacks an input that it needs, or cannot do
    what is wanted.
    """
    program = COMPARATORS[tool]
    if shutil.which(program) is None:
        raise UsageError(f"`comparator={tool}` needs the program {program}, which is not installed")
    if confident is None:
        raise UsageError(f"`comparator={tool}` needs the confident regions (`confident=`)")
    if reference is None:
        raise UsageError(f"`comparator={tool}` needs the reference (`reference=`)")
    if all_alleles and match_genotype:
        raise UsageError(
            f"`comparator={tool}` takes every ALT allele (`all_alleles=`) or matches genotypes "
            "(`match_genotype=`): leave one out"
        )
    for path in (*calls, truth) if tool == "hap.py" else ():
        if (all_alleles and path != truth) or not file_has_genotypes(path):
            raise UsageError(
                f"`comparator=hap.py` compares genotypes, and every ALT allele of {path} is to "
                "count: give genotypes (FORMAT/GT), without `all_alleles=`, or take vcfeval"
            )


def compare(tool: str, wanted: Wanted, listed: TruthSet, scratch: Path) -> Verdict:
    """Run `tool` (vcfeval or hap.py), after `check_comparator`; `listed` is what the truth set has.

    Errors: BadInput with its last lines when it fails, or for a file without what it needs.
    """
    folder = scratch / "comparator"
    folder.mkdir(exist_ok=True)
    part = partial(one_sample, intervals=wanted.intervals, reference=wanted.reference)
    calls = part(wanted.calls, wanted.sample, folder / "calls", every=wanted.all_alleles)
    truth = part(wanted.truth, wanted.truth_sample, folder / "truth", passing=wanted.passing_truth)
    run = _vcfeval if tool == "vcfeval" else _hap_py
    of_calls, of_truth = run(calls, truth, wanted, folder)

    def alleles(name: str, source: _Output, verdicts: Sequence[str]) -> TruthSet | None:
        path = folder / f"{name}.vcf"
        if not source.write(path, verdicts):
            return None
        return TruthSet.read(str(path), reference=wanted.reference)

    matching = wanted.match_genotype
    right = ("TP",) if matching else ("TP", *IN_PART)
    wrong = ("FP", "FN", *IN_PART) if matching else ("FP", "FN")
    called = {
        label: found
        for label, verdicts in ((TRUE, right), (FALSE, wrong), (OUTSIDE, ELSEWHERE))
        if (found := alleles(f"called{label}", of_calls, verdicts)) is not None
    }
    if not {TRUE, FALSE} & called.keys():
        raise BadInput(f"{tool} compared no call of {wanted.calls} within {wanted.confident}")
    # For calls without genotypes, a match says that one of the ALT alleles is right.
    partly = () if matching else IN_PART if calls.genotypes else right
    return Verdict(
        called,
        alleles("partly", of_calls, partly),
        listed,
        found=alleles("found", of_truth, right),
        missed=alleles("missed", of_truth, wrong),
        all_alleles=wanted.all_alleles,
    )


@dataclass(frozen=True)
class _Output:
    """Records that a tool has judged: where they are, and how each one's verdict is read."""

    path: Path
    verdict: Callable[[Mapping[str, str]], str]
    """Of a record's columns by their header: TP, FP, FN, IN_PART or ELSEWHERE; anything else is a
    record that was not compared."""
    sample: str | None
    """The column whose genotype the verdict is of; None takes every ALT allele."""

    def write(self, path: Path, verdicts: Sequence[str]) -> bool:
        """Write the alleles with one of the verdicts, without samples; False when there is none."""
        any_record = False
        header: list[str] = []
        with path.open("w") as out:
            for line in _lines(self.path):
                if line.startswith("##"):
                    out.write(line)
                    continue
                fields = line.rstrip("\n").split("\t")
                if line.startswith("#"):
                    header = fields
                    out.write("\t".join(fields[:8]) + "\n")
                    continue
                record = dict(zip(header, fields, strict=False))
                if self.verdict(record) not in verdicts:
                    continue
                alts = self._alts(record)
                if alts:
                    any_record = True
                    out.write("\t".join([*fields[:4], ",".join(alts), ".", ".", "."]) + "\n")
        return any_record

    def _alts(self, record: Mapping[str, str]) -> list[str]:
        """The ALT alleles that the verdict is of, as far as they are bases."""
        alts = record["ALT"].split(",")
        if self.sample is not None:
            genotype = record[self.sample].partition(":")[0]
            alts = [
                alts[i - 1] for i in sorted({int(g) for g in re.findall(r"\d+", genotype)}) if i
            ]
        return [alt for alt in alts if alt.isalpha()]


def _vcfeval(
    calls: OneSample, truth: OneSample, wanted: Wanted, folder: Path
) -> tuple[_Output, _Output]:
    """INFO/CALL of calls.vcf.gz and INFO/BASE of baseline.vcf.gz: TP, FP or FN, with _CA when an
    allele is common and the genotypes differ, OUT, and IGN or HARD for what was not compared.
    """
    program = COMPARATORS["vcfeval"]
    template, out = folder / "reference.sdf", folder / "vcfeval"
    if not template.exists():
        _run(program, "format", "-o", template, wanted.reference)
    shutil.rmtree(out, ignore_errors=True)
    samples = [SAMPLE if one.genotypes else "ALT" for one in (truth, calls)]
    _run(
        program, "vcfeval", "--baseline", truth.path, "--calls", calls.path, "--evaluation-regions",
        wanted.confident, "--template", template, "--output", out, "--output-mode", "annotate",
        "--sample", ",".join(samples),
    )  # fmt: skip

    def info(key: str) -> Callable[[Mapping[str, str]], str]:
        def read(record: Mapping[str, str]) -> str:
            return dict(field.partition("=")[::2] for field in record["INFO"].split(";")).get(
                key, ""
            )

        return read

    def output(name: str, key: str, one: OneSample) -> _Output:
        return _Output(out / name, info(key), SAMPLE if one.genotypes else None)

    return output("calls.vcf.gz", "CALL", calls), output("baseline.vcf.gz", "BASE", truth)


def _hap_py(
    calls: OneSample, truth: OneSample, wanted: Wanted, folder: Path
) -> tuple[_Output, _Output]:
    """The columns TRUTH and QUERY of GA4GH's intermediate VCF: FORMAT/BD is the decision (TP, FP,
    FN, UNK outside the confident regions, N not compared), BK how it matched (am: the allele, with
    another genotype). Records stay whole, so that alleles are those of the calls.
    """
    out = folder / "happy"
    _run(
        COMPARATORS["hap.py"], truth.path, calls.path, "-f", wanted.confident, "-r",
        wanted.reference, "-o", out, "--write-vcf", "--no-decompose",
    )  # fmt: skip

    def decision(column: str) -> Callable[[Mapping[str, str]], str]:
        def read(record: Mapping[str, str]) -> str:
            # FORMAT differs from record to record: BK, QQ and others come and go.
            found = dict(zip(record["FORMAT"].split(":"), record[column].split(":"), strict=False))
            decided = found.get("BD", "")
            in_part = found.get("BK") == "am" and decided in ("FP", "FN")
            return f"{decided}_CA" if in_part else decided

        return read

    result = Path(f"{out}.vcf.gz")
    query, baseline = (_Output(result, decision(name), name) for name in ("QUERY", "TRUTH"))
    return query, baseline


def _run(*command: object) -> None:
    done = run_program([str(word) for word in command])
    if done.returncode:
        tail = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise BadInput(f"{' '.join(str(w) for w in command[:2])} failed: {tail}")


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt") as file:
            yield from file
    except OSError as error:
        raise BadInput(f"the comparator left no {path.name}: {error}") from None
