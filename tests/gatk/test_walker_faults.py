"""Engines that die, hang, lie or refuse: one clear error, no output, no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fake_engine import SCORE_OF_ALL

from conftest import DATA, scores_of
from hosts.gatk import Ran, ToolHost
from hosts.server import Server, StartServer
from hosts.waiting import wait_until

FAKE = Path(__file__).parent / "fake_engine.py"
INPUTS = ("-V", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """In a folder of its own. At the end no engine of this test runs: another process of the tests
    may have one of that file."""
    folder = tmp_path / "out"
    folder.mkdir()
    _own_fake(folder).symlink_to(FAKE)
    yield folder / "out.vcf.gz"
    left = ["pgrep", "-f", str(_own_fake(folder))]
    assert subprocess.run(left, capture_output=True, text=True, check=False).stdout == ""


def _own_fake(folder: Path) -> Path:
    return folder.with_name("fake_engine.py")


def with_fake(tools: ToolHost, way: str, out: Path, *options: object) -> Ran:
    engine = f"{sys.executable} {_own_fake(out.parent)} {way}"
    return tools.score(*INPUTS, "-O", out, "--engine", engine, *options)


@pytest.mark.parametrize(
    ("way", "options", "words"),
    [
        ("die", (), ["ended before its work was done", "exit status 9", "last words"]),
        ("stop", (), ["no scoring server answers", "the server is stopping"]),
        (
            "describe:protocol_version=2",
            (),
            ["version 2 of the protocol", "take both from one release"],
        ),
        ("describe:read_rule=newer", (), ["by the rule newer", "take both from one release"]),
        ("hang", ("--server-timeout", 2), ["does not answer in time", "--server-timeout"]),
        ("short", (), ["is not a cnnscore of this protocol"]),
        (
            "busy",
            ("--server-timeout", 1),
            ["overloaded: the queue is full, and was for 1 s", "(--server-timeout)"],
        ),
        ("describe:max_message_bytes=100", (), ["synA:257", "--max-message"]),
    ],
)
def test_engine_at_fault(
    way: str, options: tuple[object, ...], words: list[str], tools: ToolHost, out: Path
) -> None:
    ran = with_fake(tools, way, out, *options)
    assert ran.answer.startswith("user error: ")
    for word in words:
        assert word in ran.answer
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    "field",
    [
        *("window=0", "reference_width=0", "reference_left=-1", "reference_left=192"),
        *("read_limit=-1", "sites_per_job=0", "sites_per_job=-3", "max_in_flight=0"),
        *("max_in_flight=-1", "max_message_bytes=0", "max_message_bytes=-1"),
    ],
)
def test_description_that_makes_no_sense(field: str, tools: ToolHost, out: Path) -> None:
    """0 is what proto3 gives for a field that is not there: it never means the end."""
    ran = with_fake(tools, f"describe:{field}", out)
    assert ran.answer.startswith("user error: ")
    name, _, value = field.partition("=")
    assert f"makes no sense: {name} is {value}, not " in ran.answer
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    "field",
    [
        "info_key=",
        "info_key=A B",
        'model=a"b',
        "encoding=",
        "network=XYZ",
        "cutoffs=a\x01b",
        "precision=int8",
    ],
)
def test_description_that_goes_into_no_header(field: str, tools: ToolHost, out: Path) -> None:
    ran = with_fake(tools, f"'describe:{field}'", out)
    assert ran.answer.startswith("user error: ")
    assert f"makes no sense: {field.partition('=')[0]} is " in ran.answer
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("way", ["busy-twice", "busy-later"])
def test_full_queue_passes(way: str, tools: ToolHost, out: Path) -> None:
    out = out.with_name("out.vcf")
    ran = with_fake(tools, way, out)
    assert ran.ok, ran.answer
    assert "is busy: the queue is full" in ran.log
    assert scores_of(out, "CNN_1D") == [str(SCORE_OF_ALL)] * 294


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("no-such-command serve", "exit status 127 (not found? give its command with --engine)"),
        ("false", "exit status 1"),
        (f"{sys.executable} -m cnnscore serve --model no-such-network", "no-such-network"),
    ],
)
def test_engine_does_not_start(engine: str, words: str, tools: ToolHost, out: Path) -> None:
    ran = tools.score(*INPUTS, "-O", out, "--engine", engine, "--model", "no-such-network")
    assert ran.answer.startswith("user error: the scoring engine did not start: ")
    assert words in ran.answer


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("unix:/nowhere/socket", "`cnnscore serve` running"),
        ("tcp:127.0.0.1:1", "`cnnscore serve` running"),
        ("tcp:127.0.0.1:65536", "unix:PATH or tcp:HOST:PORT"),
        ("tcp:127.example.org:5000", "wants a token"),
    ],
)
def test_nobody_listens(address: str, words: str, tools: ToolHost, out: Path) -> None:
    ran = tools.score(*INPUTS, "-O", out, "--server", address)
    assert ran.answer.startswith("user error: ")
    assert address in ran.answer
    assert words in ran.answer
    assert not out.exists()


def test_stream_is_open_before_the_first_batch(tools: ToolHost, out: Path) -> None:
    """As an engine without one ends by itself: the tool is held up where it opens its output."""
    marker, pipe = out.with_name("marker"), out.with_name("out.vcf")
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as thread:
        options = ("--create-output-variant-index", "false")
        ran = thread.submit(with_fake, tools, f"tell:{marker}", pipe, *options)
        try:
            wait_until(lambda: marker.exists() or ran.done())
        finally:
            text = "" if ran.done() else pipe.read_text()  # the tool goes on
        assert ran.result().ok, ran.result().answer
    assert text.count(f"CNN_1D={SCORE_OF_ALL}") == 294


def test_server_killed_while_it_scores(
    tools: ToolHost, start: StartServer, gatk_models: Path, out: Path
) -> None:
    """A real one: the tool ends soon, and what it had written goes."""
    server = start(model="gatk-2d")
    options = ("-I", DATA / "reads.bam", "--transfer-batch-size", 8, "--server", server.address)
    killer = threading.Thread(target=_kill_when_written, args=(server, out))
    killer.start()
    ran = tools.score(*INPUTS, "-O", out, *options)
    killer.join()
    assert "no scoring server answers" in ran.answer
    assert not out.exists()


def _kill_when_written(server: Server, out: Path) -> None:
    try:
        wait_until(lambda: list(out.parent.glob(f".{out.name}.*.part/*")))
    finally:
        server.stop(signal.SIGKILL)
