"""libcnnscore.so in a program that runs Python: this one."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cffi import FFI

from build_native import declarations
from cnnscore.batch import WindowBatch, to_native
from cnnscore.score.engine import Engine
from hosts.server import Windows, make_windows
from hosts.waiting import wait_until
from seam.conftest import BATCH, INPUT, OK, USAGE


class Library:
    """The C ABI as cffi reads it off the header, without any of cnnscore's own Python."""

    def __init__(self, path: Path) -> None:
        self.ffi = FFI()
        self.ffi.cdef(declarations("include/cnnscore.h", engine=True))
        self.lib = self.ffi.dlopen(str(path), self.ffi.RTLD_NOW | self.ffi.RTLD_GLOBAL)
        self.error = self.ffi.new("cnnscore_error *")
        self.kept: list[Any] = []  # of all options: a struct does not keep what it points to

    def options(self, model: str | None, **changes: Any) -> Any:
        options = self.ffi.new("cnnscore_engine_options *")
        options.struct_size = self.ffi.sizeof("cnnscore_engine_options")
        options.abi_version = self.lib.CNNSCORE_ABI_VERSION
        for name, value in {"model": model, "provider": "cpu", **changes}.items():
            setattr(options, name, self._native(value))
        return options

    def _native(self, value: Any) -> Any:
        if not isinstance(value, str):
            return self.ffi.NULL if value is None else value
        self.kept.append(self.ffi.new("char[]", os.fsencode(value)))
        return self.kept[-1]

    def open(self, model: str | None, **changes: Any) -> Any:
        engine = self.ffi.new("cnnscore_engine **", self.ffi.cast("cnnscore_engine *", 1))
        code = self.lib.cnnscore_engine_open(self.options(model, **changes), engine, self.error)
        if code != OK:
            assert engine[0] == self.ffi.NULL
            raise Refused(code, self.message())
        return engine[0]

    def message(self) -> str:
        text: str = self.ffi.string(self.error.message).decode()
        return text

    def batch(self, batch: WindowBatch, **lies: Any) -> Any:
        struct = to_native(self.ffi, batch)
        for name, value in lies.items():
            setattr(struct, name, value)
        return struct

    def score(self, engine: Any, struct: Any, n_sites: int) -> bytes:
        """Scores; when refused, all were NaN."""
        return self._score(self.lib.cnnscore_engine_score, engine, struct, n_sites)

    def score_alleles(self, engine: Any, struct: Any, n_alts: int) -> bytes:
        """The same of alleles."""
        return self._score(self.lib.cnnscore_engine_score_alleles, engine, struct, n_alts)

    def _score(self, function: Any, engine: Any, struct: Any, n: int) -> bytes:
        scores = np.full(n, 7, np.float32)
        target = self.ffi.cast("float *", scores.ctypes.data)
        code = function(engine, struct, target, self.error)
        if code != OK:
            raise Refused(code, self.message(), bool(np.isnan(scores).all()))
        return scores.tobytes()


class Refused(Exception):
    """A status below 0: (code, message, whether all scores were NaN)."""


@pytest.fixture(params=["reference", "reads"])
def case(request: pytest.FixtureRequest, windows: dict[str, Windows]) -> Windows:
    return windows[request.param]


@pytest.fixture(scope="module")
def inside(library: Path) -> Library:
    return Library(library)


@pytest.fixture
def engine(inside: Library, case: Windows) -> Iterator[Any]:
    opened = inside.open(case.model, threads=2)
    yield opened
    inside.lib.cnnscore_engine_close(opened)


def test_a_host_with_python_of_its_own(inside: Library, engine: Any, case: Windows) -> None:
    assert inside.score(engine, inside.batch(case.batch), len(case.batch)) == case.scores.tobytes()


def test_a_host_that_loads_with_ctypes(library: Path, windows: dict[str, Windows]) -> None:
    """Holding Python's lock while it calls (PyDLL) or not (CDLL), in threads of its own."""
    program = f"""
import ctypes, threading
class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("abi", ctypes.c_uint32), ("model", ctypes.c_char_p),
                ("provider", ctypes.c_char_p), ("threads", ctypes.c_int32),
                ("batch_size", ctypes.c_int32), ("log", ctypes.c_void_p), ("data", ctypes.c_void_p),
                ("annotations", ctypes.c_char_p)]
def use(library):
    engine = ctypes.c_void_p()
    error = ctypes.create_string_buffer(4096)
    options = Options(ctypes.sizeof(Options), 1, {windows["reads"].model.encode()!r}, b"cpu")
    assert library.cnnscore_engine_open(ctypes.byref(options), ctypes.byref(engine), error) == 0
    library.cnnscore_engine_close(engine)
path = {str(library)!r}
libraries = [ctypes.PyDLL(path), ctypes.CDLL(path)] * 4
threads = [threading.Thread(target=use, args=[library]) for library in libraries]
for thread in threads: thread.start()
for thread in threads: thread.join()
use(libraries[0])
"""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_what_was_said_on_opening_is_copied(inside: Library, stand_ins: dict[str, str]) -> None:
    """Options and their strings are the host's again once the engine is open."""
    case = make_windows("reference", stand_ins["reference"])
    heard = []

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]  # cffi has no types
    def listen(data: Any, level: int, message: Any) -> None:
        heard.append(int(inside.ffi.cast("intptr_t", data)))

    inside.kept.clear()
    options = inside.options(
        case.model, annotations="caller", log=listen, log_data=inside.ffi.cast("void *", 42)
    )
    engine = inside.ffi.new("cnnscore_engine **")
    assert inside.lib.cnnscore_engine_open(options, engine, inside.error) == OK
    assert len(inside.kept) == 3
    for memory in (*inside.kept, options):
        size = inside.ffi.sizeof(memory if memory is not options else options[0])
        inside.ffi.memmove(memory, b"\xff" * size, size)
    inside.kept.clear()
    description = inside.ffi.new("cnnscore_engine_description *")
    description.struct_size = inside.ffi.sizeof(description[0])
    assert inside.lib.cnnscore_engine_describe(engine[0], description, inside.error) == OK
    assert inside.ffi.string(description.provider) == b"cpu"
    scores = inside.score(engine[0], inside.batch(case.batch), len(case.batch))
    assert scores == case.scores.tobytes()
    logging.getLogger("cnnscore").warning("a word")
    inside.lib.cnnscore_engine_close(engine[0])
    assert heard == [42]


@pytest.mark.parametrize("kind", ["reference", "reads"])
def test_description(inside: Library, tiny: dict[str, str], kind: str) -> None:
    engine = inside.open(tiny[kind])
    description = inside.ffi.new("cnnscore_engine_description *")
    description.struct_size = inside.ffi.sizeof(description[0])
    assert inside.lib.cnnscore_engine_describe(engine, description, inside.error) == OK
    manifest = Engine(tiny[kind], provider="cpu").manifest
    left, width = manifest.encoder.reference_columns(manifest.window)

    def text(pointer: Any) -> str:
        found: str = inside.ffi.string(pointer).decode()
        return found

    assert text(description.model) == manifest.name
    assert text(description.encoding) == manifest.encoding
    assert text(description.info_key) == manifest.info_key
    assert text(description.info_description) == manifest.info_description
    assert text(description.provider) == "cpu"
    assert description.struct_size == inside.ffi.sizeof(description[0])
    assert (description.window, description.read_limit) == (128, manifest.read_limit)
    assert description.read_rule == (1 if kind == "reads" else 0)
    assert (description.reference_left, description.reference_width) == (left, width)
    assert description.sites_per_job == manifest.encoder.sites_per_job
    names = description.annotations[0 : description.n_annotations]
    assert tuple(map(text, names)) == manifest.annotations
    description.struct_size -= 8
    assert inside.lib.cnnscore_engine_describe(engine, description, inside.error) == USAGE
    assert "cnnscore_engine_description.struct_size" in inside.message()
    inside.lib.cnnscore_engine_close(engine)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"abi_version": 2}, USAGE, "version 2 of cnnscore's C ABI, this libcnnscore.so has 1"),
        ({"struct_size": 8}, USAGE, "cnnscore_engine_options.struct_size is 8 where"),
        (
            {"provider": "abacus"},
            USAGE,
            "no provider 'abacus': there are auto, cpu,",
        ),
        ({"threads": -1}, USAGE, "threads and batch_size are 0"),
        ({"batch_size": -1}, USAGE, "threads and batch_size are 0"),
    ],
)
def test_options_that_make_no_sense(
    inside: Library, tiny: dict[str, str], changes: dict[str, Any], code: int, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        inside.open(tiny["reads"], **changes)
    assert refused.value.args[0] == code
    assert words in refused.value.args[1]


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        (None, USAGE, "no network named"),
        ("", USAGE, "no network named"),
        ("/nowhere/net.onnx", INPUT, "no network at /nowhere/net.onnx: give a file"),
        ("/nöwhere/\udcff.onnx", INPUT, "no network at /nöwhere/\\udcff.onnx: give a file"),
        ("no-such-network", INPUT, "no network named no-such-network"),
        ("/nö" * 800 + "/x.onnx", INPUT, "no network at /nö/nö"),  # longer than a message
        (str(Path(__file__)) + "/x.onnx", INPUT, "no network at"),
    ],
)
def test_unknown_networks(inside: Library, model: str | None, code: int, words: str) -> None:
    with pytest.raises(Refused) as refused:
        inside.open(model)
    assert refused.value.args[0] == code
    assert words in refused.value.args[1]


def test_null_pointers(inside: Library, engine: Any, case: Windows) -> None:
    lib, null, error = inside.lib, inside.ffi.NULL, inside.error
    batch = inside.batch(case.batch)
    scores = inside.ffi.new("float[]", len(case.batch))
    ticket = inside.ffi.new("uint64_t *")
    description = inside.ffi.new("cnnscore_engine_description *")
    calls = [
        lib.cnnscore_engine_open(null, inside.ffi.new("cnnscore_engine **"), error),
        lib.cnnscore_engine_open(inside.options(case.model), null, error),
        lib.cnnscore_engine_describe(null, description, error),
        lib.cnnscore_engine_describe(engine, null, error),
        lib.cnnscore_engine_score(null, batch, scores, error),
        lib.cnnscore_engine_score(engine, null, scores, error),
        lib.cnnscore_engine_score(engine, batch, null, error),
        lib.cnnscore_engine_submit(engine, batch, scores, null, error),
        lib.cnnscore_engine_submit(engine, null, scores, ticket, error),
        lib.cnnscore_engine_submit(null, batch, scores, ticket, error),
        lib.cnnscore_engine_collect(null, 1, error),
        lib.cnnscore_engine_score(engine, batch, null, null),
        lib.cnnscore_engine_collect(engine, 99, null),
    ]
    assert calls == [USAGE] * len(calls)
    lib.cnnscore_engine_close(null)
    assert lib.cnnscore_engine_score(engine, batch, scores, null) == OK


def test_tickets(inside: Library, engine: Any, case: Windows) -> None:
    lib = inside.lib
    ticket = inside.ffi.new("uint64_t *")
    batch = inside.batch(case.batch)
    scores = np.zeros(len(case.batch), np.float32)
    target = inside.ffi.cast("float *", scores.ctypes.data)
    assert lib.cnnscore_engine_collect(engine, 12345, inside.error) == USAGE
    assert inside.message() == "ticket 12345 was never given, or is collected already"
    assert lib.cnnscore_engine_submit(engine, batch, target, ticket, inside.error) == OK
    assert lib.cnnscore_engine_collect(engine, ticket[0], inside.error) == OK
    assert scores.tobytes() == case.scores.tobytes()
    assert lib.cnnscore_engine_collect(engine, ticket[0], inside.error) == USAGE
    # What is no batch for this network is refused at once, what it looks at later by the ticket.
    scores[:] = 7
    narrow = replace(case.batch, annotations=case.batch.annotations[:, :3].copy())
    struct = inside.batch(narrow)
    assert lib.cnnscore_engine_submit(engine, struct, target, ticket, inside.error) == BATCH
    assert ticket[0] == 0
    assert np.isnan(scores).all()
    scores[:] = 7
    batch.reference_width = 70
    assert lib.cnnscore_engine_submit(engine, batch, target, ticket, inside.error) == OK
    assert lib.cnnscore_engine_collect(engine, ticket[0], inside.error) == BATCH
    assert np.isnan(scores).all()


def test_an_empty_batch(inside: Library, engine: Any, case: Windows) -> None:
    lib, null, ticket = inside.lib, inside.ffi.NULL, inside.ffi.new("uint64_t *")
    lost = inside.ffi.cast("int64_t *", 8)  # of an empty batch, no column is looked at
    for lies in ({}, {"site_allele": null, "site_read": null}, {"site_allele": lost}):
        empty = inside.batch(case.batch, n_sites=0, **lies)
        assert lib.cnnscore_engine_score(engine, empty, null, inside.error) == OK
        assert lib.cnnscore_engine_submit(engine, empty, null, ticket, inside.error) == OK
        assert lib.cnnscore_engine_collect(engine, ticket[0], inside.error) == OK


@pytest.fixture
def allele_case(stand_ins: dict[str, str]) -> Windows:
    """A network that scores alleles, of which every third site has two; `scores` are theirs."""
    case = make_windows("reference", stand_ins["reference"])
    batch, alleles, counts = case.batch, [], []
    for i in range(len(batch)):
        of_site = [
            batch.alleles[begin:end].tobytes()
            for begin, end in pairwise(
                batch.allele_offset[batch.site_allele[i] : batch.site_allele[i + 1] + 1]
            )
        ]
        of_site += [of_site[1] + b"A"] if i % 3 == 0 else []
        counts.append(len(of_site))
        alleles += of_site
    batch = replace(
        batch,
        site_allele=np.concatenate([[0], np.cumsum(counts)]),
        allele_offset=np.concatenate([[0], np.cumsum([len(allele) for allele in alleles])]),
        alleles=np.frombuffer(b"".join(alleles), batch.alleles.dtype),
    )
    scores = Engine(case.model, provider="cpu").score_alleles(batch)
    assert len(scores) > len(batch)
    return replace(case, batch=batch, scores=scores)


def test_a_score_for_each_allele(inside: Library, allele_case: Windows) -> None:
    batch, wanted = allele_case.batch, allele_case.scores
    engine = inside.open(allele_case.model)
    assert inside.score_alleles(engine, inside.batch(batch), len(wanted)) == wanted.tobytes()
    # The last sites of a batch by moved columns: offsets need not begin at 0.
    struct = inside.batch(batch, n_sites=len(batch) - 5)
    for name in ("contig", "pos", "end", "kind", "site_allele", "site_read"):
        setattr(struct, name, getattr(struct, name) + 5)
    struct.annotations += 5 * struct.n_annotations
    struct.reference += 5 * struct.reference_width
    first = int(batch.site_allele[5]) - 5
    scores = inside.score_alleles(engine, struct, len(wanted) - first)
    assert scores == wanted[first:].tobytes()
    inside.lib.cnnscore_engine_close(engine)


def test_allele_scores_on_failure(
    inside: Library, windows: dict[str, Windows], allele_case: Windows
) -> None:
    """NaN once the batch is found sound, untouched where it is not: nobody knows how many."""
    null, batch, of_records = inside.ffi.NULL, allele_case.batch, windows["reference"]
    engine, records = inside.open(allele_case.model), inside.open(of_records.model)
    for taken, given, lies, code, words, emptied in (
        (null, batch, {}, USAGE, "engine is NULL", True),
        (engine, batch, {"reference_width": 70}, BATCH, "reference columns before POS", True),
        (engine, batch, {"pos": null}, BATCH, "positions or alleles are missing", False),
        (records, of_records.batch, {}, USAGE, "scores records, not alleles", True),
    ):
        n_alts = int(given.site_allele[-1]) - len(given)
        with pytest.raises(Refused) as refused:
            inside.score_alleles(taken, inside.batch(given, **lies), n_alts)
        assert refused.value.args[0] == code
        assert words in refused.value.args[1]
        assert refused.value.args[2] == emptied, words
    score = inside.lib.cnnscore_engine_score_alleles
    assert score(engine, null, null, inside.error) == USAGE
    assert score(engine, inside.batch(batch), null, inside.error) == USAGE
    assert inside.message() == "engine: scores is NULL"
    # Where there is none to write, none is needed.
    empty = inside.batch(batch, n_sites=0)
    assert score(engine, empty, null, inside.error) == OK
    without = replace(batch, site_allele=np.arange(len(batch) + 1, dtype=np.int64))
    assert score(engine, inside.batch(without), null, inside.error) == OK
    for opened in (engine, records):
        inside.lib.cnnscore_engine_close(opened)
    assert score(engine, empty, null, inside.error) == USAGE


def test_a_closed_engine_is_told(inside: Library, tiny: dict[str, str], case: Windows) -> None:
    engine = inside.open(tiny["reads"])
    inside.lib.cnnscore_engine_close(engine)
    inside.lib.cnnscore_engine_close(engine)
    with pytest.raises(Refused) as refused:
        inside.score(engine, inside.batch(case.batch), len(case.batch))
    assert refused.value.args == (USAGE, "this is no engine, or it is closed", True)


def test_two_engines(inside: Library, windows: dict[str, Windows]) -> None:
    engines = {kind: inside.open(case.model) for kind, case in windows.items()}
    for kind, case in [*windows.items(), *windows.items()]:
        struct = inside.batch(case.batch)
        assert inside.score(engines[kind], struct, len(case.batch)) == case.scores.tobytes()
    inside.lib.cnnscore_engine_close(engines["reads"])
    case = windows["reference"]
    assert inside.score(engines["reference"], inside.batch(case.batch), len(case.batch)) == (
        case.scores.tobytes()
    )
    inside.lib.cnnscore_engine_close(engines["reference"])


@pytest.mark.parametrize(
    ("lies", "words"),
    [
        ({"struct_size": 8}, "made for another version of cnnscore.h"),
        ({"struct_size": 0}, "made for another version of cnnscore.h"),
        ({"n_annotations": -1}, "a count is negative"),
        ({"n_contigs": -1}, "a count is negative"),
        ({"n_contigs": 0}, "its contig is number 0 of 0"),
        ({"reference_left": -1}, "POS stands at column -1"),
        ({"reference_width": 70}, "reference columns before POS"),
        ({"contig": None}, "contigs, ends or kinds are missing"),
        ({"pos": None}, "positions or alleles are missing"),
        ({"annotations": None}, "annotations are missing"),
        ({"n_annotations": 6}, "6 annotations per site where"),
        ({"reference": None}, "the reference is missing"),
        ({"site_read": None}, "the reads are missing"),
        ({"contig_names": None}, "contig names or lengths are missing"),
    ],
)
def test_lying_batches(
    inside: Library, engine: Any, case: Windows, lies: dict[str, Any], words: str
) -> None:
    pointers = {name: inside.ffi.NULL for name, value in lies.items() if value is None}
    struct = inside.batch(case.batch, **(lies | pointers))
    with pytest.raises(Refused) as refused:
        inside.score(engine, struct, len(case.batch))
    code, message, emptied = refused.value.args
    assert code == BATCH
    assert words in message
    # Of a batch of another layout we do not know where n_sites is.
    assert emptied == ("struct_size" not in lies)


@pytest.mark.parametrize("column", ["site_allele", "allele_offset", "site_read", "read_offset"])
@pytest.mark.parametrize("lie", [-1, 10**9, 2**62])
def test_lying_offsets(
    inside: Library, engine: Any, windows: dict[str, Windows], case: Windows, column: str, lie: int
) -> None:
    changed = getattr(windows["reads"].batch, column).copy()
    changed[3] = lie
    with pytest.raises(Refused, match="out of range") as refused:
        inside.score(
            engine,
            inside.batch(replace(windows["reads"].batch, **{column: changed})),
            len(windows["reads"].batch),
        )
    assert refused.value.args[0] == BATCH
    assert refused.value.args[2]


def test_more_reads_than_the_network_takes(inside: Library, windows: dict[str, Windows]) -> None:
    """A site with its reads repeated a hundred times."""
    batch = windows["reads"].batch
    n_reads = int(batch.site_read[1])
    sizes = np.tile(np.diff(batch.read_offset[: n_reads + 1]), 100)
    deep = replace(
        batch,
        site_read=np.concatenate([[0], np.full(len(batch), n_reads * 100)]),
        read_offset=np.concatenate([[0], np.cumsum(sizes)]),
        reads=np.tile(batch.reads[: batch.read_offset[n_reads]], 100),
    )
    engine = inside.open(windows["reads"].model)
    with pytest.raises(Refused) as refused:
        inside.score(engine, inside.batch(deep), len(deep))
    inside.lib.cnnscore_engine_close(engine)
    locus = batch.locus(0)
    assert refused.value.args[0] == BATCH
    assert f"{n_reads * 100} reads at {locus} where" in refused.value.args[1]


def test_messages_go_to_the_hosts_log(
    inside: Library, tiny: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    heard = []

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]  # cffi has no types
    def listen(data: Any, level: int, message: Any) -> None:
        heard.append((int(inside.ffi.cast("intptr_t", data)), level, inside.ffi.string(message)))

    data = inside.ffi.cast("void *", 42)
    engine = inside.open(tiny["reads"], log=listen, log_data=data)
    logging.getLogger("cnnscore").warning("a näive word")
    inside.lib.cnnscore_engine_close(engine)
    logging.getLogger("cnnscore").warning("too late")
    assert heard == [(42, 30, "a näive word".encode())]
    assert capfd.readouterr().err == ""


def test_a_message_belongs_to_its_engine(inside: Library, tiny: dict[str, str]) -> None:
    """What is said outside any engine goes to the first that listens."""
    heard: list[int] = []

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]  # cffi has no types
    def listen(data: Any, level: int, message: Any) -> None:
        heard.append(int(inside.ffi.cast("intptr_t", data)))

    first, second = (
        inside.open(tiny["reads"], log=listen, log_data=inside.ffi.cast("void *", number))
        for number in (1, 2)
    )
    silent = inside.open(tiny["reads"])
    heard.clear()
    logging.getLogger("cnnscore").warning("of none")
    assert heard == [1]
    inside.lib.cnnscore_engine_close(first)
    heard.clear()
    logging.getLogger("cnnscore").warning("of none")
    assert heard == [2]
    for engine in (second, silent):
        inside.lib.cnnscore_engine_close(engine)
    heard.clear()
    logging.getLogger("cnnscore").warning("to nobody")
    assert heard == []


def test_close_waits_for_the_hosts_log(inside: Library, tiny: dict[str, str]) -> None:
    entered, go_on, closed = (threading.Event() for _ in range(3))

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]  # cffi has no types
    def listen(data: Any, level: int, message: Any) -> None:
        entered.set()
        assert go_on.wait(300)
        assert not closed.is_set()

    engine = inside.open(tiny["reads"], log=listen)
    go_on.clear()
    entered.clear()
    speaker = threading.Thread(target=logging.getLogger("cnnscore").warning, args=["a word"])
    speaker.start()
    assert entered.wait(300)

    def close() -> None:
        inside.lib.cnnscore_engine_close(engine)
        closed.set()

    closer = threading.Thread(target=close)
    closer.start()
    assert not closed.wait(0.3)
    go_on.set()
    for thread in (speaker, closer):
        thread.join(30)
    assert closed.is_set()
    entered.clear()
    logging.getLogger("cnnscore").warning("too late")
    assert not entered.is_set()


def test_a_forked_child_is_told(inside: Library, engine: Any, case: Windows) -> None:
    """Every call answers, with an error; none waits for threads that stayed behind."""
    pid = os.fork()
    if pid == 0:
        codes = []
        for call in (
            lambda: inside.score(engine, inside.batch(case.batch), len(case.batch)),
            lambda: inside.open(case.model),
        ):
            try:
                call()
                codes.append(0)
            except Refused as refused:
                codes.append(refused.args[0] if "forked" in refused.args[1] else 1)
        inside.lib.cnnscore_engine_close(engine)
        os._exit(0 if codes == [USAGE, USAGE] else 1)
    ended = (0, 0)

    def has_ended() -> bool:
        nonlocal ended
        ended = os.waitpid(pid, os.WNOHANG)
        return ended != (0, 0)

    try:
        wait_until(has_ended)
    finally:
        if ended == (0, 0):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert ended == (pid, 0)
    again = inside.score(engine, inside.batch(case.batch), len(case.batch))
    assert np.isfinite(np.frombuffer(again, np.float32)).all()
