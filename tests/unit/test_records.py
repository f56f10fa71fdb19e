"""Fields and genotypes of records as numbers, however widely htslib stores them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore._window import ffi, lib
from cnnscore.calls.records import Calls, Intervals, Records

HEADER = """##fileformat=VCFv4.2
##contig=<ID=1,length=1000>
##INFO=<ID=I,Number=.,Type=Integer,Description="integers">
##INFO=<ID=F,Number=.,Type=Float,Description="floats">
##INFO=<ID=S,Number=.,Type=String,Description="text">
##INFO=<ID=A,Number=A,Type=Integer,Description="one an ALT">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="depth">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"


def read(
    tmp_path: Path, samples: int, lines: list[str], annotations: tuple[str, ...] = ()
) -> Records:
    path = tmp_path / "calls.vcf"
    columns = COLUMNS + "\t".join(f"s{i}" for i in range(samples)) + "\n"
    path.write_text(HEADER + columns + "".join(f"{line}\n" for line in lines))
    calls, records = Calls(str(path), annotations=annotations), Records()
    assert calls.read(records, 100) == len(lines)
    return records


@pytest.mark.parametrize("n_alts", [2, 70, 17000])
def test_genotypes_of_any_width(tmp_path: Path, n_alts: int) -> None:
    """One byte per number, two, four, as the last sample needs."""
    alts = ",".join(f"<X{i}>" for i in range(n_alts))
    genotypes = {
        "5:.": None,
        "5:./.": None,
        "5:./1": None,
        "5": None,  # left out at the end
        ".": None,
        "5:0/0": {0: 2},
        "5:1": {1: 1},
        "5:1|2": {1: 1, 2: 1},
        "5:0/1/1": {0: 1, 1: 2},
        f"5:0/{n_alts}": {0: 1, n_alts: 1},
    }
    line = f"1\t5\t.\tA\t{alts}\t.\t.\t.\tDP:GT\t" + "\t".join(genotypes)
    records = read(tmp_path, len(genotypes), [line])
    for sample, (text, found) in enumerate(genotypes.items()):
        wanted = np.full(n_alts + 1, -1 if found is None else 0)
        for allele, number in (found or {}).items():
            wanted[allele] = number
        assert records.dosage(sample).tolist() == wanted.tolist(), text


@pytest.mark.parametrize(
    ("info", "number"),
    [
        ("I=7,8", 7), ("I=-100,7", -100), ("I=-300", -300), ("I=300,.", 300), ("I=70000", 70000),
        ("I=.,7", None), ("I=.,300", None), ("I=.,70000", None), ("I=.", None),
        ("F=1.5,2", 1.5), ("F=.,2", None), ("F=nan", None), ("F=1e30", np.float32(1e30)),
        ("S=2.5", 2.5), ("S=2.5,7", 2.5), ("S=x", None), ("S=.,7", None), ("S=,7", None),
        (".", None),
    ],
)  # fmt: skip
def test_the_first_value_of_a_field(tmp_path: Path, info: str, number: float | None) -> None:
    """The same as an annotation column and as a number over alleles."""
    key = info[0] if info != "." else "I"
    records = read(tmp_path, 1, [f"1\t5\t.\tA\tC,G\t.\t.\t{info}\tGT\t0/1"], (key,))
    wanted = np.nan if number is None else number
    np.testing.assert_array_equal(records.sites().annotations, [[wanted]])
    np.testing.assert_array_equal(records.numbers("INFO", key), [wanted] * 3)


def test_a_value_an_alt(tmp_path: Path) -> None:
    lines = [f"1\t5\t.\tA\tC,G\t.\t.\tA={values}\tGT\t0/1" for values in ("7,300", "70000,.", "5")]
    records = read(tmp_path, 1, lines, ("A",))
    nan = np.nan
    wanted = [nan, 7, 300, nan, 70000, nan, nan, 5, nan]
    np.testing.assert_array_equal(records.numbers("INFO", "A"), wanted)
    np.testing.assert_array_equal(records.sites().annotations[:, 0], [7, 70000, 5])


def test_records_outlive_their_calls(tmp_path: Path) -> None:
    """Their fields are looked up in the header of the file: else wrong numbers, or a crash."""
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + COLUMNS + "s0\n1\t5\t.\tA\tC\t.\t.\tI=7\tGT\t0/1\n")
    program = f"""
from cnnscore.calls.records import Calls, Intervals, Records
records = Records()
Calls({str(path)!r}).read(records, 10)
print(records.numbers("INFO", "I").tolist(), records.dosage().tolist())
"""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "[7.0, 7.0] [1, 1]\n"


def test_records_of_one_file_then_another(tmp_path: Path) -> None:
    """Contigs are the file's own, even where it takes the last one's place in memory."""
    records = Records()
    for contig in map(str, range(20)):
        path = tmp_path / "calls.vcf"
        header = HEADER.replace("ID=1,", f"ID={contig},")
        path.write_text(header + COLUMNS + f"s0\n{contig}\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\n")
        assert Calls(str(path)).read(records, 10) == 1
        assert records.sites().locus(0) == f"{contig}:5"


# ---- one call file in another's place in memory, as C callers may have it ----
CONTIGS = 1000  # of as many files in turn, some lie where another was


# In a process of its own: whether an address comes twice depends on what else has been allocated.


def alone(function: Callable[[Path], None], folder: Path) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        process.submit(function, folder).result(timeout=300)


def opened(path: Path, contig: str) -> Any:
    header = HEADER.replace("ID=1,", f"ID={contig},")
    path.write_text(header + COLUMNS + f"s0\n{contig}\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\n")
    name = ffi.new("char[]", str(path).encode())
    options = ffi.new(
        "cnnscore_calls_options *",
        {"struct_size": ffi.sizeof("cnnscore_calls_options"), "path": name},
    )
    calls, error = ffi.new("cnnscore_calls **"), ffi.new("cnnscore_error *")
    assert lib.cnnscore_calls_open(options, calls, error) == 0, ffi.string(error.message)
    return calls[0]


def at_one_address(path: Path, records: Any) -> Iterator[str]:
    """Names of contigs of files that are read into `records`, each where the last one was."""
    error, places, again = ffi.new("cnnscore_error *"), set(), 0
    for contig in map(str, range(1, CONTIGS)):
        calls = opened(path, contig)
        again += calls in places
        places.add(calls)
        assert lib.cnnscore_calls_read(calls, records, 10, error) == 1
        yield contig
        lib.cnnscore_calls_close(calls)
        if again == 10:
            return
    raise AssertionError("hardly an address came twice: this shows nothing")


def test_contigs_are_those_of_the_file_at_hand(tmp_path: Path) -> None:
    alone(read_contigs, tmp_path)


def read_contigs(tmp_path: Path) -> None:
    records = ffi.gc(lib.cnnscore_records_new(), lib.cnnscore_records_free)
    for contig in at_one_address(tmp_path / "calls.vcf", records):
        sites = lib.cnnscore_records_sites(records)
        names = sites.contig_names[0 : sites.contig_offset[sites.n_contigs]]
        assert b"".join(names) == contig.encode()


def test_known_variants_are_those_of_the_contig_at_hand(tmp_path: Path) -> None:
    alone(match_known_variants, tmp_path)


def match_known_variants(tmp_path: Path) -> None:
    records = ffi.gc(lib.cnnscore_records_new(), lib.cnnscore_records_free)
    path, error = tmp_path / "known.vcf", ffi.new("cnnscore_error *")
    lines = "".join(f"{contig}\t5\t.\tA\tC\t.\t.\t.\n" for contig in range(1, CONTIGS, 2))
    contigs = "".join(f"##contig=<ID={contig},length=1000>\n" for contig in range(CONTIGS))
    columns = COLUMNS.removesuffix("\tFORMAT\t")
    path.write_text(f"##fileformat=VCFv4.2\n{contigs}{columns}\n{lines}")
    resource = ffi.new("cnnscore_resource **")
    assert lib.cnnscore_resource_open(str(path).encode(), False, resource, error) == 0
    for contig in at_one_address(tmp_path / "calls.vcf", records):
        wanted, known = ffi.new("uint8_t[]", [1]), ffi.new("uint8_t[]", [0])
        code = lib.cnnscore_resource_match(resource[0], records, wanted, known, error)
        assert (code, known[0]) == (0, int(contig) % 2), contig
    lib.cnnscore_resource_close(resource[0])


@pytest.mark.parametrize(("kind", "index"), [("z", "-t"), ("z", "-c"), ("b", "-c")])
def test_whole_contigs_end_where_their_records_do(kind: str, index: str, tmp_path: Path) -> None:
    """None is lost: over the ends of the index's bins, at them, past a contig's declared end; of
    contigs that lie in another order than asked for, or have no record."""
    places = [1, 16379, 16384, 16385, 131072, 131073, 500_000]
    contigs = {"a": places, "none": [], "b": [1], "c:1": [16384], "d": [131059], "e": places[1:]}
    length = 600_000 if kind == "b" else 1000  # bcftools makes no index of a BCF beyond
    lines = "".join(f"##contig=<ID={name},length={length}>\n" for name in contigs)
    rows = "".join(
        f"{name}\t{at}\t.\t{'ACGTACGTACGTACGTACGT'[: 1 + at % 20]}\tT\t9\t.\t.\n"
        for name, all_of in contigs.items()
        for at in all_of
    )
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "plain.vcf").write_text(f"##fileformat=VCFv4.2\n{lines}{columns}{rows}")
    path = tmp_path / f"calls.{'bcf' if kind == 'b' else 'vcf.gz'}"
    subprocess.run(
        ["bcftools", "view", f"-O{kind}", "-o", path, path.with_name("plain.vcf")], check=True
    )
    subprocess.run(["bcftools", "index", index, path], check=True)
    for asked in (
        ["a", "none", "b", "{c:1}", "d", "e"],
        ["e", "{c:1}", "a"],
        ["none", "d:131001-"],
    ):
        calls = Calls(
            str(path), intervals=Intervals(regions=",".join(asked), regions_overlap="pos")
        )
        records, found = Records(), []
        while calls.read(records, 3):
            sites = records.sites()
            found += [sites.locus(i) for i in range(len(sites))]
        calls.close()
        names = {one.strip("{}").removesuffix(":131001-") for one in asked}
        assert sorted(found) == sorted(f"{name}:{at}" for name in names for at in contigs[name])


def test_small_contigs_are_found_as_soon_as_their_beginnings(tmp_path: Path) -> None:
    """Assemblies have them by the thousand: no bin is asked for that a contig does not have."""
    names = [f"scaffold{i}" for i in range(1500)]
    lines = "".join(f"##contig=<ID={name},length=1000>\n" for name in names)
    rows = "".join(f"{name}\t{at}\t.\tA\tT\t9\t.\t.\n" for name in names for at in (7, 900))
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "plain.vcf").write_text(f"##fileformat=VCFv4.2\n{lines}{columns}{rows}")
    path = tmp_path / "calls.vcf.gz"
    subprocess.run(["bcftools", "view", "-Oz", "-o", path, tmp_path / "plain.vcf"], check=True)
    subprocess.run(["bcftools", "index", path], check=True)

    def seconds(span: str) -> float:
        start = time.process_time()
        asked = ",".join(f"{name}{span}" for name in names)
        calls, records, n = Calls(str(path), intervals=Intervals(regions=asked)), Records(), 0
        while more := calls.read(records, 4096):
            n += more
        calls.close()
        assert n == 3000
        return time.process_time() - start

    seconds(":1-1000")
    assert min(seconds("") for _ in range(2)) < 5 * seconds(":1-1000")
