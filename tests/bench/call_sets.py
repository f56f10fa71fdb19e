"""The call sets of accuracy.py: made with the real callers, labelled by the truth module, scored.

Held-out simulated sets are those of the recipe (python/recipes/bundled-models); real ones are made
here from the shared reads. Loose thresholds throughout: the more false calls, the more is shown.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Calls, Records
from cnnscore.truth.labels import FALSE, TRUE, Labeller
from cnnscore.truth.regions import Regions
from cnnscore.truth.truth_set import TruthSet

sys.path.insert(0, str(Path(__file__).parents[2] / "python/recipes/bundled-models"))
from called import numbers, run, types

# What gradient-boosted trees see: GATK's seven annotations.
ANNOTATIONS = ("MQ", "DP", "SOR", "FS", "QD", "MQRankSum", "ReadPosRankSum")
SYNTHETIC = Path(__file__).parents[1] / "data" / "synthetic"


@dataclass(frozen=True)
class CallSet:
    """Calls with what is known of them; `confident` None: everywhere."""

    name: str
    calls: Path
    reference: Path
    reads: Path
    truth: Path
    confident: Path | None = None
    family: str = ""
    """The artefact of a simulated sample; `mixture`, `clean`."""
    profile: str = ""
    """Its error profile."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """N compared records: `is_true`, `variant_type` (index into TYPES), and scores by name (NaN:
    missing); `start` and `end` of REF, 0-based, and `alleles`, all of them as one text."""

    is_true: NDArray[np.bool_]
    variant_type: NDArray[np.int8]
    scores: dict[str, NDArray[np.float64]]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    alleles: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.is_true)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Labelled:
        """Some of them."""
        return Labelled(
            self.is_true[rows],
            self.variant_type[rows],
            {name: values[rows] for name, values in self.scores.items()},
            self.start[rows],
            self.end[rows],
            self.alleles[rows],
        )


def join(parts: Sequence[Labelled]) -> Labelled:
    """All rows of several; they have the same scores."""
    return Labelled(
        np.concatenate([part.is_true for part in parts]),
        np.concatenate([part.variant_type for part in parts]),
        {name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores},
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.alleles for part in parts]),
    )


def lowest_if_missing(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN replaced by less than the least value; infinite ones, which GATK's VQSLOD may have, by
    more than the greatest, and less than the least."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    return np.nan_to_num(values, nan=low - 2, neginf=low - 1, posinf=high + 1)


def score(call_set: CallSet, networks: dict[str, str], folder: Path) -> dict[str, Path]:
    """Scored copies of a call file, by the network's name; made once for a network's bytes.

    `networks`: name -> what `-m` takes. The score is INFO/SCORE. Copies older than the calls are
    made anew.
    """
    done = {}
    for name, network in networks.items():
        print_ = hashlib.sha256(Path(network).read_bytes()).hexdigest()[:12]
        scored = folder / f"{name.replace(' ', '-')}.{print_}" / f"{call_set.name}.vcf.gz"
        if not scored.exists() or scored.stat().st_mtime < call_set.calls.stat().st_mtime:
            scored.parent.mkdir(parents=True, exist_ok=True)
            run(
                sys.executable, "-m", "cnnscore", "score", call_set.calls,
                "-R", call_set.reference, "-I", call_set.reads,
                "-m", network, "--info-key", "SCORE", "-o", scored,
            )  # fmt: skip
        done[name] = scored
    return done


def label(call_set: CallSet, scored: dict[str, Path]) -> Labelled:
    """The compared records of a call file, with each network's scores (`score`), QUAL, annotations.

    A record is true when any of its alleles is; its type is SNP when all its alleles are as long.
    """
    truth = TruthSet.read(str(call_set.truth), reference=str(call_set.reference))
    confident = None if call_set.confident is None else Regions.read(str(call_set.confident))
    labeller = Labeller(truth, confident)
    calls, records = Calls(str(call_set.calls)), Records()
    others = {name: (Calls(str(path)), Records()) for name, path in scored.items()}
    declared = set(calls.fields("INFO"))
    parts = []
    while n := calls.read(records, 20_000):
        sites = records.sites()
        found = labeller.label(sites).record
        keep = (found == TRUE) | (found == FALSE)
        values = numbers(records, ANNOTATIONS, declared)
        for name, (file, its_records) in others.items():
            if file.read(its_records, 20_000) != n:
                raise SystemExit(f"{scored[name]} has other records than {call_set.calls}")
            its_first = its_records.sites().site_allele[:-1]
            values[name] = its_records.numbers("INFO", "SCORE")[its_first]
        columns = (sites.pos.copy(), sites.end.copy(), texts(sites))
        parts.append(Labelled(found == TRUE, types(sites), values, *columns).take(keep))
    labeller.check(str(call_set.calls))
    return join(parts)


def texts(sites: WindowBatch) -> NDArray[np.str_]:
    """[N] each record's alleles, one after the other."""
    whole = sites.alleles.tobytes().decode()
    bounds = sites.allele_offset[sites.site_allele].tolist()
    return np.array([whole[a:b] for a, b in pairwise(bounds)], dtype=np.str_)


def simulated_sets(
    folder: Path, split: str, callers: Sequence[str], least_depth: float = 0.0
) -> list[CallSet]:
    """The samples of a split in a folder that the recipe's Snakefile filled, of that depth or
    more."""
    design = folder / "design.json"
    if not design.exists():
        raise SystemExit(
            f"no simulated samples in {folder}: make them as in "
            "python/recipes/bundled-models/README.md"
        )
    found = []
    for sample in json.loads(design.read_text()):
        families = list(sample["families"])
        family = "clean" if not families else families[0] if len(families) == 1 else "mixture"
        for caller in callers:
            at = folder / sample["name"]
            wanted = sample["split"] == split and sample["depth"] >= least_depth
            if wanted and (at / f"{caller}.bed").exists():
                found.append(
                    CallSet(
                        f"{sample['name']}.{caller}",
                        at / f"{caller}.vcf.gz",
                        at / "ref.fa",
                        at / "reads.bam",
                        at / "truth.vcf.gz",
                        at / f"{caller}.bed",
                        family,
                        sample["profile"],
                    )
                )
    if not found:
        raise SystemExit(f"{folder} has no whole sample of the split {split}")
    return found


def real_sets(shared: Path, folder: Path, gatk: Path) -> list[CallSet]:
    """NA12878 chr20 at 52x and 7x, by three callers."""
    folder.mkdir(parents=True, exist_ok=True)
    data = shared / "na12878-chr20"
    reference = folder / "ref.20.fa"
    if not reference.exists():
        with gzip.open(data / "ref.20.fa.gz") as packed, reference.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        run("samtools", "faidx", reference)
        shutil.copyfile(data / "ref.20.dict", folder / "ref.20.dict")
    pileups = {
        "52x": (data / "NA12878_S1.20.10.0-10.1M.bam", "20:9999900-10100100"),
        "7x": (data / "NA12878.7x.20.10.0-10.27M.bam", "20:9999900-10270100"),
    }
    sets = []
    for depth, (reads, region) in pileups.items():
        for caller in ("haplotypecaller", "bcftools", "freebayes"):
            calls = folder / f"na12878.{depth}.{caller}.vcf.gz"
            if depth == "52x" and caller == "haplotypecaller":
                calls = data / "calls.vcf.gz"
            elif not calls.exists():
                call(caller, reads, reference, region, calls, gatk)
            sets.append(
                CallSet(
                    f"na12878.{depth}.{caller}",
                    calls,
                    reference,
                    reads,
                    data / "truth.HG001_v3.3.2.vcf.gz",
                    data / "confident.proxy.bed",
                )
            )
    return sets


def call(caller: str, reads: Path, reference: Path, region: str, calls: Path, gatk: Path) -> None:
    """Call variants with loose thresholds."""
    part = calls.with_name(f"part.{calls.name}")
    if caller == "haplotypecaller":
        run(
            "java", "-Xmx2g", "-cp", f"{gatk}/*", "org.broadinstitute.hellbender.Main",
            "HaplotypeCaller", "-R", reference, "-I", reads, "-L", region, "-O", part,
            "-stand-call-conf", 1,
        )  # fmt: skip
    elif caller == "bcftools":
        run(
            "bash", "-c",
            f"set -o pipefail; bcftools mpileup -f {reference} -r {region} -a AD,DP -d 2000 {reads}"
            f" | bcftools call -mv -P 0.05 -Oz -o {part}",
        )  # fmt: skip
    else:
        bounds = region.replace("-", "..")
        run(
            "bash", "-c",
            f"set -o pipefail; freebayes -f {reference} -r {bounds} -F 0.05 -C 2 {reads}"
            f" | bcftools view -Oz -o {part}",
        )  # fmt: skip
    part.replace(calls)


def control_sets(shared: Path, folder: Path) -> dict[str, CallSet]:
    """The haploid control, the file with flaws, and the calls of a simulator not our own."""
    folder.mkdir(parents=True, exist_ok=True)
    sars, tiny = shared / "sars-cov-2", shared / "na12878-chr22-tiny"
    reference, reads = sars / "NC_045512.2.fasta", sars / "pos_MT007544_1_1.bam"
    calls, truth = folder / "sars-cov-2.vcf.gz", folder / "sars-cov-2.truth.vcf.gz"
    if not calls.exists():
        part = calls.with_name(f"part.{calls.name}")
        run(
            "bash", "-c",
            f"set -o pipefail; freebayes -f {reference} -p 1 -C 2 -F 0.02 {reads}"
            f" | bcftools view -Oz -o {part}",
        )  # fmt: skip
        part.replace(calls)
    run("bcftools", "view", "-Oz", "-o", truth, sars / "pos_MT007544_1_1.freebayes.vcf")
    return {
        "sars-cov-2": CallSet("sars-cov-2", calls, reference, reads, truth),
        "na12878-chr22-tiny": CallSet(
            "na12878-chr22-tiny",
            tiny / "freebayes_NA12878.chr22.tiny.vcf",
            tiny / "q.fa",
            tiny / "NA12878.chr22.tiny.bam",
            tiny / "NA12878.chr22.tiny.giab.vcf",
        ),
        "another simulator": CallSet(
            "another simulator",
            SYNTHETIC / "calls.vcf.gz",
            SYNTHETIC / "ref.fa",
            SYNTHETIC / "reads.bam",
            SYNTHETIC / "truth.vcf.gz",
        ),
    }
