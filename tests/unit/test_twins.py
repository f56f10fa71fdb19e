"""tests/golden/twins.json in C; tests/gatk/test_java_twins.py: the same rules in Java."""

from __future__ import annotations

import importlib.util
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cffi import FFI

from cnnscore.batch import WindowBatch
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.network.encode import READ_LETTERS, read_fields
from conftest import DATA, TESTS
from hosts.twins import VECTORS, write_depth_files, write_reads
from oracles import sample_depth, sampling

REF = str(DATA / "ref.fa")
DEPTHS = list(enumerate(VECTORS["sample_depth"]))


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """native/window/sampling.h, whose functions are inline, through cffi."""
    folder = tmp_path_factory.mktemp("sampling")
    ffi = FFI()
    ffi.cdef(
        """
        uint64_t site_seed(const char *contig, int64_t pos);
        uint64_t cnnscore_read_hash(const char *name, uint16_t flag);
        void draw(uint64_t seed, int32_t n, const int32_t *bounds, int32_t *draws);
        void sample(const char *contig, int64_t pos, int32_t reads, int32_t limit, int running,
                    int32_t *kept);
        """
    )
    ffi.set_source(
        "sampling_vectors",
        """
        #include "sampling.h"
        static uint64_t site_seed(const char *contig, int64_t pos) {
            return cnnscore_site_seed(contig, strlen(contig), pos);
        }
        static void draw(uint64_t seed, int32_t n, const int32_t *bounds, int32_t *draws) {
            cnnscore_random random = cnnscore_random_seeded(seed);
            for (int32_t i = 0; i < n; i++) draws[i] = cnnscore_random_below(&random, bounds[i]);
        }
        static cnnscore_random gatk;
        static void sample(const char *contig, int64_t pos, int32_t reads, int32_t limit,
                           int running, int32_t *kept) {
            cnnscore_reservoir reservoir;
            if (running == 1) gatk = cnnscore_random_seeded(CNNSCORE_GATK_SEED);
            cnnscore_reservoir_start(&reservoir, contig, pos, running ? &gatk : NULL);
            for (int32_t i = 0; i < reads; i++) {
                int64_t slot = cnnscore_reservoir_slot(&reservoir, limit);
                if (slot >= 0) kept[slot] = i;
            }
        }
        """,
        include_dirs=[str(TESTS.parent / "native" / "window")],
        extra_compile_args=["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"],
    )
    path = Path(ffi.compile(str(folder)))
    spec = importlib.util.spec_from_file_location("sampling_vectors", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sampled(native: Any, site: dict[str, Any], limit: int, running: int) -> list[int]:
    kept = native.ffi.new("int32_t[]", limit)
    contig, pos, n = site["contig"].encode(), site["pos"], site["reads"]
    native.lib.sample(contig, pos, n, limit, running, kept)
    return list(kept)[: min(n, limit)]


def test_draws(native: Any) -> None:
    for vector in VECTORS["random"]:
        bounds = vector["bounds"]
        draws = native.ffi.new("int32_t[]", len(bounds))
        native.lib.draw(vector["seed"], len(bounds), bounds, draws)
        plain = sampling.JavaRandom(vector["seed"])
        assert list(draws) == [plain.below(bound) for bound in bounds] == vector["draws"]


def test_hashes_and_seeds(native: Any) -> None:
    for vector in VECTORS["site_seed"]:
        contig, pos = vector["contig"], vector["pos"]
        seed = native.lib.site_seed(contig.encode(), pos)
        assert seed == sampling.site_seed(contig, pos) == int(vector["seed"], 16)
    for vector in VECTORS["read_hash"]:
        name, flag = vector["name"], vector["flag"]
        hashed = native.lib.cnnscore_read_hash(name.encode(), flag)
        assert hashed == sampling.read_hash(name, flag) == int(vector["hash"], 16)


def test_reservoirs(native: Any) -> None:
    for site in VECTORS["reservoir"]:
        plain = sampling.JavaRandom(sampling.site_seed(site["contig"], site["pos"]))
        expected = sampling.reservoir(range(site["reads"]), site["limit"], plain)
        assert sampled(native, site, site["limit"], 0) == expected == site["kept"]


def test_one_random_state_that_runs_on(native: Any) -> None:
    running = VECTORS["running_reservoir"]
    limit, plain = running["limit"], sampling.JavaRandom(sampling.GATK_SEED)
    for i, site in enumerate(running["sites"]):
        expected = sampling.reservoir(range(site["reads"]), limit, plain)
        assert sampled(native, site, limit, 1 if i == 0 else 2) == expected == site["kept"]


def sites_at(positions: list[int]) -> WindowBatch:
    n = len(positions)
    pos = np.array(positions, np.int64)
    return WindowBatch(
        contig=np.zeros(n, np.int32),
        pos=pos,
        end=pos + 1,
        kind=np.zeros(n, np.uint8),
        site_allele=np.arange(0, 2 * n + 1, 2),
        allele_offset=np.arange(2 * n + 1),
        alleles=np.frombuffer(b"NA" * n, np.uint8),  # N: whatever the reference says
        annotations=np.zeros((n, 0), np.float32),
        reference=np.zeros((n, 0), np.uint8),
        site_read=np.zeros(n + 1, np.int64),
        read_offset=np.zeros(1, np.int64),
        reads=np.zeros(0, np.uint8),
        contig_length=np.array([40000]),
        contig_offset=np.array([0, 4]),
        contig_names=np.frombuffer(b"synA", np.uint8),
    )


def windows(bam: Path, positions: list[int], rule: str, limit: int) -> WindowBatch:
    options = ReaderOptions(REF, (str(bam),), read_rule=rule, read_limit=limit)
    with WindowReader(options) as reader:
        return reader.read(sites_at(positions))


def test_the_least_hashes(tmp_path: Path) -> None:
    for number, vector in enumerate(VECTORS["bottom_k"]):
        reads = vector["reads"]
        bam = write_reads(reads, tmp_path / f"{number}.bam")
        last = max(read["pos"] for read in reads)
        batch = windows(bam, [last], "primary", vector["limit"])
        records = [batch.reads[at:].tobytes() for at in batch.read_offset[:-1]]
        found = [
            (
                record[32 : 31 + record[8]].decode(),
                *struct.unpack_from("<H", record, 14),
                *struct.unpack_from("<i", record, 4),
            )
            for record in records
        ]
        plain = [(read["name"], read["flag"], read["pos"]) for read in reads]
        kept = vector["kept"]
        assert sampling.bottom_k(plain, vector["limit"]) == kept
        assert found == [plain[i] for i in kept]


@pytest.mark.parametrize("rule", ["gatk", "primary"])
def test_which_reads_count(rule: str, tmp_path: Path) -> None:
    reads = VECTORS["read_rule"]
    bam = write_reads(reads, tmp_path / "rule.bam")
    batch = windows(bam, [read["pos"] for read in reads], rule, 8)
    counted = np.diff(batch.site_read)
    found = {read["why"]: bool(n) for read, n in zip(reads, counted, strict=True)}
    assert found == {read["why"]: read[rule] for read in reads}


def test_letters(tmp_path: Path) -> None:
    reads: list[dict[str, Any]] = [
        {"name": f"n{i}", "flag": 0, "pos": 100 * i, "seq": bases, "qual": "I" * len(bases)}
        for i, bases in enumerate(vector["bases"] for vector in VECTORS["read_letters"])
    ]
    for read in reads:
        read["cigar"] = f"{len(read['seq'])}M"
    bam = write_reads(reads, tmp_path / "letters.bam")
    batch = windows(bam, [read["pos"] for read in reads], "primary", 8)
    ends = zip(batch.read_offset[:-1], batch.read_offset[1:], strict=True)
    found = [read_fields(batch.reads[begin:end]).bases.tobytes().decode() for begin, end in ends]
    expected = [vector["codes"] for vector in VECTORS["read_letters"]]
    assert found == ["".join(READ_LETTERS[code] for code in codes) for codes in expected]


@pytest.mark.parametrize(("number", "case"), DEPTHS, ids=[case["why"] for _, case in DEPTHS])
def test_sample_depths(number: int, case: dict[str, Any], tmp_path: Path) -> None:
    paths = write_depth_files(case, number, tmp_path)
    options = ReaderOptions(REF, tuple(map(str, paths)), read_rule="primary", read_limit=64)
    with WindowReader(options) as reader:
        found = reader.measure_depth()
    expected = math.nan if case["depth"] is None else case["depth"]
    np.testing.assert_equal([found, sample_depth.expected(*paths)], [expected, expected])
