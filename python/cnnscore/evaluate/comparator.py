"""vcfeval or hap.py, where installed, in place of our own comparison.

Both match haplotypes, so that variants written in quite different ways are found to be the same.
Their verdicts are read back as three sets of alleles (true, false, missed) and looked up by our
normalised alleles. vcfeval is run with `--squash-ploidy` unless genotypes must match.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.errors import BadInput, UsageError
from cnnscore.truth.labels import FALSE, NOT_COMPARED, OUTSIDE, TRUE, Labeller, Labels
from cnnscore.truth.truth_set import TruthSet

COMPARATORS = {"vcfeval": "rtg", "hap.py": "hap.py"}
"""Name -> the program it needs."""


@dataclass
class Verdict:
    """What another tool found of one call file; a `LabelSource`."""

    true: TruthSet | None
    false: TruthSet | None
    missed: TruthSet | None

    def __post_init__(self) -> None:
        self._true = self.true and Labeller(self.true, None)
        self._false = self.false and Labeller(self.false, None)

    def label(self, sites: WindowBatch, dosage: NDArray[np.int8] | None = None) -> Labels:
        """Labels as of `Labeller.label`; an allele that the tool left out is OUTSIDE."""
        found = [labeller.label(sites) for labeller in (self._true, self._false) if labeller]
        labels = found[0]
        part = np.full(len(labels.alleles), OUTSIDE, np.int8)
        if self._false:
            part[found[-1].part == TRUE] = FALSE
        if self._true:
            part[labels.part == TRUE] = TRUE
        allele = np.full(len(labels.allele), NOT_COMPARED, np.int8)
        record = np.full(len(sites), NOT_COMPARED, np.int8)
        np.maximum.at(allele, labels.alleles.row, part)
        np.maximum.at(record, labels.alleles.site, part)
        return Labels(record, allele, labels.alleles, part)


def check_comparator(tool: str, confident: str | None, reference: str | None) -> None:
    """Errors: UsageError when `tool` is not installed, or lacks an input that it needs."""
    program = COMPARATORS[tool]
    if shutil.which(program) is None:
        raise UsageError(f"`comparator={tool}` needs the program {program}, which is not installed")
    if confident is None:
        raise UsageError(f"`comparator={tool}` needs the confident regions (`confident=`)")
    if reference is None:
        raise UsageError(f"`comparator={tool}` needs the reference (`reference=`)")


def compare(
    tool: str,
    *,
    calls: str,
    truth: str,
    confident: str,
    reference: str,
    match_genotype: bool,
    scratch: Path,
) -> Verdict:
    """Run `tool` (vcfeval or hap.py), after `check_comparator`. Errors: BadInput with its last
    lines when it fails.
    """
    folder = scratch / "comparator"
    folder.mkdir(exist_ok=True)
    run = _vcfeval if tool == "vcfeval" else _hap_py
    parts = run(COMPARATORS[tool], calls, truth, confident, reference, match_genotype, folder)
    sets: list[TruthSet | None] = []
    for name, lines in zip(("true", "false", "missed"), parts, strict=True):
        path = folder / f"{name}.vcf"
        path.write_text("".join(lines))
        has_records = any(not line.startswith("#") for line in lines)
        sets.append(TruthSet.read(str(path), reference=reference) if has_records else None)
    if sets[0] is None and sets[1] is None:
        raise BadInput(f"{tool} compared no call of {calls} within {confident}")
    return Verdict(*sets)


def _vcfeval(
    program: str,
    calls: str,
    truth: str,
    confident: str,
    reference: str,
    match_genotype: bool,
    folder: Path,
) -> tuple[list[str], list[str], list[str]]:
    template = folder / "reference.sdf"
    if not template.exists():
        _run(program, "format", "-o", template, reference)
    out = folder / "vcfeval"
    shutil.rmtree(out, ignore_errors=True)
    squash = [] if match_genotype else ["--squash-ploidy"]
    _run(
        program, "vcfeval", "--baseline", truth, "--calls", calls, "--evaluation-regions",
        confident, "--template", template, "--output", out, "--output-mode", "annotate",
        "--all-records", *squash,
    )  # fmt: skip

    def info(key: str, *values: str) -> Callable[[list[str]], bool]:
        wanted = {f"{key}={value}" for value in values}
        return lambda fields: not wanted.isdisjoint(fields[7].split(";"))

    called, baseline = out / "calls.vcf.gz", out / "baseline.vcf.gz"
    return (
        _chosen(called, info("CALL", "TP")),
        _chosen(called, info("CALL", "FP", "FP_CA")),
        _chosen(baseline, info("BASE", "FN", "FN_CA")),
    )


def _hap_py(
    program: str,
    calls: str,
    truth: str,
    confident: str,
    reference: str,
    match_genotype: bool,
    folder: Path,
) -> tuple[list[str], list[str], list[str]]:
    out = folder / "happy"
    _run(
        program, truth, calls, "-f", confident, "-r", reference, "-o", out,
        "--usefiltered-truth", "--write-vcf",
    )  # fmt: skip

    def decision(column: int, value: str) -> Callable[[list[str]], bool]:
        # Columns TRUTH and QUERY; BD is the decision, BK "am" an allele match of other genotype.
        def matches(fields: list[str]) -> bool:
            names, values = fields[8].split(":"), fields[column].split(":")
            found = dict(zip(names, values, strict=False))
            decided = found.get("BD", ".")
            if not match_genotype and found.get("BK") == "am":
                decided = {"FP": "TP", "FN": "TP"}.get(decided, decided)
            return decided == value

        return matches

    result = Path(f"{out}.vcf.gz")
    truth_column, query_column = 9, 10
    return (
        _chosen(result, decision(query_column, "TP")),
        _chosen(result, decision(query_column, "FP")),
        _chosen(result, decision(truth_column, "FN")),
    )


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise BadInput(f"{' '.join(str(w) for w in command[:2])} failed: {tail}")


def _chosen(path: Path, wanted: Callable[[list[str]], bool]) -> list[str]:
    """Header and chosen records, without samples: they would have genotypes of the tool's own."""
    lines = []
    for line in _lines(path):
        if line.startswith("##"):
            lines.append(line)
            continue
        fields = line.rstrip("\n").split("\t")
        if line.startswith("#") or wanted(fields):
            lines.append("\t".join(fields[:8]) + "\n")
    return lines


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt") as file:
            yield from file
    except OSError as error:
        raise BadInput(f"the comparator left no {path.name}: {error}") from None
