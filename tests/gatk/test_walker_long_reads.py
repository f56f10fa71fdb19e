"""Long reads in the walker: cut as native/window cuts them, with the scores of the command."""

from __future__ import annotations

import json
import random
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from cnnscore.batch import WindowBatch
from cnnscore.calls.windows import ReaderOptions, WindowReader
from conftest import DATA, run_cli, scores_of
from hosts.gatk import Gatk, ToolHost
from hosts.long_reads import CONTIG, random_sample, random_sites
from hosts.server import StartServer

TAG = b"cnBI\6\0\0\0"
NUMBERS = "<6I"
LEFT_OUT = 2
"""Which of the numbers is of the CIGAR, which the walker leaves whole."""


def parts_of(batch: WindowBatch) -> list[dict[str, list[int]]]:
    """For each site, by a read's name: the bases held and the tag's numbers; of a whole read []."""
    records = [batch.reads[slice(*span)].tobytes() for span in pairwise(batch.read_offset)]
    found = []
    for begin, end in pairwise(batch.site_read):
        site = {}
        for record in records[begin:end]:
            name = record[32 : 32 + record[8] - 1].decode()
            at = len(record) - struct.calcsize(NUMBERS)
            is_part = record[at - len(TAG) : at] == TAG
            numbers = struct.unpack_from(NUMBERS, record, at) if is_part else ()
            held = struct.unpack_from("<I", record, 16) if is_part else ()
            site[name] = [*held, *numbers]
        found.append(site)
    return found


def answers(gatk: Gatk, folder: Path, cases: list[dict[str, Any]]) -> Any:
    """What Cuts.java says of them."""
    (folder / "cases.json").write_text(json.dumps(cases))
    return gatk.ask("Cuts", folder, folder / "cases.json")


def test_the_same_bases_are_held(gatk: Gatk, tmp_path: Path) -> None:
    """Random CIGARs, sites and windows. tests/property/test_long_reads.py has it that the planes of
    cut reads are those of whole ones.
    """
    cases, wanted = [], []
    for rule in ("primary", "gatk"):
        for window in (600, 128, 20, 3):
            for seed in range(2):
                rng = random.Random(f"walker {rule} {window} {seed}")
                folder = tmp_path / f"{rule}{window}-{seed}"
                folder.mkdir()
                sample = random_sample(rng, folder)
                sites = random_sites(rng, sample.bases, 30)
                left = window // 2
                width = left + window if rule == "gatk" else window
                options = ReaderOptions(
                    sample.reference, sample.reads, None, rule, 128, "site", left, width
                )
                with WindowReader(options) as reader:
                    wanted.append(parts_of(reader.read(sites)))
                refs = sites.allele_offset[sites.site_allele[:-1] + 1]
                lengths = refs - sites.allele_offset[sites.site_allele[:-1]]
                places = np.stack([sites.pos, lengths], axis=1).tolist()
                cases.append(
                    {"reads": sample.reads, "rule": rule, "left": left, "width": width}
                    | {"sites": places}
                )
    parts = 0
    for case, found, by_site in zip(cases, answers(gatk, tmp_path, cases), wanted, strict=True):
        for site, here, reads in zip(case["sites"], found, by_site, strict=True):
            for name, numbers in reads.items():
                parts += len(numbers) > 0
                if numbers:
                    numbers[1 + LEFT_OUT] = 0
                assert here[name] == numbers, (case, site, name)
    assert parts > 300


@pytest.fixture
def networks(tiny: dict[str, str], stand_ins: dict[str, str]) -> dict[str, str]:
    return {"gatk": tiny["reads"], "primary": stand_ins["read-set"]}


class Doors:
    """The walker and the command, on one server."""

    def __init__(self, tools: ToolHost, address: str, folder: Path) -> None:
        self._tools, self._address, self._folder = tools, address, folder

    def agree(self, key: str, calls: Path, reference: Path, *reads: Path) -> None:
        walker, command = self._folder / "walker.vcf", self._folder / "command.vcf"
        inputs = ["-R", reference, *(word for path in reads for word in ("-I", path))]
        more = ["--server", self._address]
        tensor = ("--tensor-type", "read_tensor")
        ran = self._tools.score("-V", calls, "-O", walker, *inputs, *more, *tensor)
        assert ran.ok, ran.answer
        by_command = run_cli("score", calls, "-o", command, *inputs, *more)
        assert by_command.code == 0, by_command.err
        assert scores_of(walker, key) == scores_of(command, key)


KEYS = {"gatk": "CNN_2D", "primary": "CNN_READS"}


@pytest.mark.parametrize("rule", KEYS)
def test_noisy_reads(
    rule: str,
    networks: dict[str, str],
    long_reads: Path,
    tools: ToolHost,
    tmp_path: Path,
    start: StartServer,
) -> None:
    """100 of 3,000 bases over a site, 0.5 MB if they were whole; the server takes 1 MB."""
    doors = Doors(tools, start(networks[rule], "--max-message", 1).address, tmp_path)
    doors.agree(KEYS[rule], DATA / "calls.vcf.gz", DATA / "ref.fa", long_reads)


@pytest.mark.parametrize("rule", KEYS)
def test_random_cigars(
    rule: str, networks: dict[str, str], tools: ToolHost, tmp_path: Path, start: StartServer
) -> None:
    doors = Doors(tools, start(networks[rule]).address, tmp_path)
    for seed in range(4):
        rng = random.Random(f"walker {seed}")
        folder = tmp_path / str(seed)
        folder.mkdir()
        sample = random_sample(rng, folder)
        reference = Path(sample.reference)
        pysam.dict(str(reference), "-o", str(reference.with_suffix(".dict")))
        calls = write_calls(folder / "calls.vcf", rng, sample.bases)
        doors.agree(KEYS[rule], calls, reference, *map(Path, sample.reads))


def write_calls(path: Path, rng: random.Random, bases: str) -> Path:
    """SNPs and indels all over the contig."""
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={CONTIG},length={len(bases)}>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts",
    ]
    for at in sorted(rng.sample(range(len(bases) - 100), 40)):
        ref = bases[at : at + rng.choice([1, 1, 1, 2, 5, 90])]
        new = [base for base in "ACGT" if base != ref[0]]
        alts = {rng.choice(new) + ref[1:], ref[0] + "CA" * rng.randrange(1, 5) + ref[1:]}
        alt = ",".join(sorted(alts))
        lines.append(f"{CONTIG}\t{at + 1}\t.\t{ref}\t{alt}\t300\t.\t.\tGT\t1/2")
    path.write_text("\n".join(lines) + "\n")
    return path
