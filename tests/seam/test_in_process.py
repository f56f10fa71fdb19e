"""libcnnscore.so in a program that runs Python: this one."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.network.providers import PROVIDERS
from cnnscore.score.engine import Engine
from hosts.server import Windows, make_windows
from hosts.waiting import wait_until
from seam.conftest import BATCH, INPUT, USAGE
from seam.library import OK, Library, Refused


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
                ("annotations", ctypes.c_char_p), ("precision", ctypes.c_char_p)]
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
    assert text(description.precision) == "exact"
    assert description.struct_size == inside.ffi.sizeof(description[0])
    assert (description.window, description.read_limit) == (128, manifest.read_limit)
    assert description.read_rule == (1 if kind == "reads" else 0)
    assert (description.reference_left, description.reference_width) == (left, width)
    assert description.sites_per_job == PROVIDERS["cpu"].rules.sizes[manifest.encoding].job
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
        ({"precision": "int8"}, USAGE, "no precision 'int8': there are exact, bf16"),
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
