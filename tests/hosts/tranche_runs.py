"""Runs of FilterVariantTranches: arguments, and the FILTER columns that GATK 4.6.2.0 wrote.

`PYTHONPATH=tests python -m hosts.tranche_runs FOLDER_OF_JARS` writes tests/golden/tranches anew.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hosts.gatk import SHORT
from hosts.tranche_cases import Case, write_case

AS_GATK = ("--types", "gatk")
"""What makes `cnnscore filter` judge the types of records that FilterVariantTranches judges."""
GOLDEN = Path(__file__).parents[1] / "golden" / "tranches"


@dataclass(frozen=True)
class Run:
    """A generated case and what is asked of it."""

    seed: int
    kinds: str
    resources: tuple[int, ...]
    options: tuple[str, ...]

    def case(self, folder: Path) -> Case:
        return write_case(folder, self.seed, self.kinds, scale=0.4)

    def arguments(self, case: Case) -> list[str]:
        known = [("--resource", str(case.resources[i])) for i in self.resources]
        return [*(part for pair in known for part in pair), *self.options]

    def golden(self) -> list[str]:
        return (GOLDEN / f"{self.seed}.filters").read_text().splitlines()


RUNS = [
    Run(1, "SIMXYDN", (0, 1, 2), ("--info-key", "CNN_2D")),
    Run(
        2,
        "SSIIMXYD",
        (2, 0),
        (
            *("--info-key", "CNN_1D", "--invalidate-previous-filters"),
            *("--snp-tranche", "99.985", "--snp-tranche", "90", "--snp-tranche", "50"),
            *("--indel-tranche", "0", "--indel-tranche", "95.5", "--indel-tranche", "99.005"),
        ),
    ),
    Run(3, "S", (1,), ("--info-key", "CNN_2D", "--snp-tranche", "80")),
    Run(
        4, "IXM", (1, 2), ("--info-key", "CNN_2D", "--indel-tranche", "70", "--indel-tranche", "99")
    ),
]


def gatk(jars: Path, calls: Path, output: Path, arguments: list[str]) -> None:
    """Run the real tool."""
    java = ["java", *SHORT, "-cp", f"{jars}/*"]
    main = ["org.broadinstitute.hellbender.Main", "FilterVariantTranches", "--QUIET"]
    command = [*java, *main, "-V", str(calls), "-O", str(output), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def filter_column(path: Path) -> list[str]:
    """FILTER of each record of a plain VCF."""
    lines = path.read_text().splitlines()
    return [line.split("\t")[6] for line in lines if not line.startswith("#")]


def filter_lines(path: Path) -> set[str]:
    """The FILTER header lines, but that of PASS, which htslib always writes."""
    lines = path.read_text().splitlines()
    return {line for line in lines if line.startswith("##FILTER=") and "ID=PASS," not in line}


if __name__ == "__main__":
    for run in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            case, output = run.case(Path(folder)), Path(folder) / "gatk.vcf"
            gatk(Path(sys.argv[1]), case.calls, output, run.arguments(case))
            text = "\n".join([*filter_column(output), *sorted(filter_lines(output))])
            (GOLDEN / f"{run.seed}.filters").write_text(text + "\n")
