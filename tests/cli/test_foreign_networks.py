"""Networks that lie, fail, never end or cannot be read: exit 2 and one line, at every door."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cnnscore
from cnnscore.errors import BadInput
from cnnscore.score import engine
from conftest import DATA, run_cli, run_process, scores_of
from hosts.foreign_network import GRAPHS, MANIFEST, write_foreign
from hosts.plugin import environment, plugin
from hosts.server import serve_command
from hosts.waiting import wait_until

CALLS, REF = DATA / "calls.vcf.gz", DATA / "ref.fa"
SOON = 120  # seconds on a machine with other work; the loop has no end

GRAPH_FAULTS = {
    "nan": "no finite score at any site",
    "infinite": "no finite score at any site",
    "three classes": "gives float32 [4, 3] where its manifest promises float32 [4, 4]",
    "one row": "gives float32 [1, 4]",
    "flat": "gives float32 [16]",
    "a number": "gives float32 []",
    "double": "gives float64 [4, 4]",
    "integers": "gives int64 [4, 4]",
    "a sequence": "gives list",
    "fails": "the network fails (",
    "huge": "Failed to allocate memory",
    "endless": "does its graph have a loop that never ends?",
}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "out.vcf"


@pytest.fixture(autouse=True)
def _short_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TRIAL_SECONDS", 2.0)


def one_line(err: str, *words: object) -> None:
    """An error that a user can read."""
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    for word in words:
        assert str(word) in err


def test_a_sound_one(tmp_path: Path, out: Path) -> None:
    network = write_foreign(tmp_path / "f.onnx")
    assert run_cli("score", CALLS, "-R", REF, "-m", network, "-o", out, "--quiet").code == 0
    assert None not in scores_of(out, "CNN_1D")


def test_each_graph_has_its_words() -> None:
    late = {"endless at other MQ", "nan at other MQ"}  # sound in the trial
    assert GRAPH_FAULTS.keys() == GRAPHS.keys() - {"sound"} - late


@pytest.mark.parametrize("way", GRAPH_FAULTS)
def test_graphs(way: str, tmp_path: Path, out: Path) -> None:
    network = write_foreign(tmp_path / "f.onnx", way)
    done = run_cli("score", CALLS, "-R", REF, "-m", network, "-o", out)
    assert done.code == 2
    one_line(done.err, network, GRAPH_FAULTS[way])
    assert list(out.parent.iterdir()) == []


DEEP = "[" * 100_000 + "]" * 100_000
MANIFESTS: dict[str, str] = {
    "deep": json.dumps(MANIFEST)[:-1] + f', "source": {DEEP}}}',
    "deep alone": DEEP,
    "rather deep": json.dumps(MANIFEST | {"source": {"a": json.loads("[" * 100 + "]" * 100)}}),
    "no object": "[]",
    "a number": "1" * 5000,
    "cut": json.dumps(MANIFEST)[:-5],
    "name with half a pair": json.dumps(MANIFEST | {"name": "a\ud800"}),
    "source with half a pair": json.dumps(MANIFEST | {"source": {"file": "\udfff"}}),
    "key with half a pair": json.dumps(MANIFEST | {"source": {"\udfff": 1}}),
    "name of two lines": json.dumps(MANIFEST | {"name": "a\n##x"}),
    "description of two lines": json.dumps(MANIFEST | {"info_description": "a\n##x"}),
    "description with a quote": json.dumps(MANIFEST | {"info_description": 'a"b'}),
    "description with a bell": json.dumps(MANIFEST | {"info_description": "a\u0007"}),
    "empty name": json.dumps(MANIFEST | {"name": ""}),
    "no INFO key": json.dumps(MANIFEST | {"info_key": "A;B=1"}),
    "no annotation": json.dumps(MANIFEST | {"annotations": ["MQ", "D P"]}),
    "large cut-off": json.dumps(MANIFEST | {"cutoffs": {"SNP": {"99.0": 10**400}}}),
    "cut-off of infinity": json.dumps(MANIFEST | {"cutoffs": {"SNP": {"99.0": 1}}}).replace(
        '"99.0": 1', '"99.0": 1e999'
    ),
    "window of a truth": json.dumps(MANIFEST | {"window": True}),
    "large window": json.dumps(MANIFEST | {"window": 10**30}),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_manifests(kind: str, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = write_foreign(tmp_path / "f.onnx", manifest=MANIFESTS[kind])
    for command in (
        ["score", CALLS, "-R", REF, "-m", network, "-o", out],
        ["model", "info", network],
        ["model", "card", network],
        ["filter", CALLS, "--info-key", "QD", "--model", network, "-o", out],
    ):
        done = run_cli(*command)
        assert (done.code, done.out) == (2, "")
        one_line(done.err, network, "manifest" if "schema" in MANIFESTS[kind] else "")
    assert list(out.parent.iterdir()) == []
    monkeypatch.setenv("CNNSCORE_MODELS", str(tmp_path))
    listed = run_cli("model", "list")
    assert (listed.code, listed.err) == (0, "")
    assert len([line for line in listed.out.splitlines() if line.startswith("f\tdamaged: ")]) == 1
    assert listed.out.isascii()


def test_files_of_odd_names_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (b"two\nlines.onnx", b"no\xfftext.onnx"):  # bytes, which Path does not take
        os.rename(write_foreign(tmp_path / "f.onnx"), os.path.join(os.fsencode(tmp_path), name))  # noqa: PTH104, PTH118
    monkeypatch.setenv("CNNSCORE_MODELS", str(tmp_path))
    for options in ([], ["--names"]):
        done = run_process("model", "list", *options)
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout.splitlines()) == 4
    info = run_cli("model", "info", write_foreign(tmp_path / "f.onnx", source={"file": "a\nb"}))
    assert "a\\nb" in info.out


@pytest.mark.parametrize(
    "training", [{"data": 1}, {"metrics": []}, {"configuration": "x"}, {"": {}}]
)
def test_training_that_is_none(training: dict[str, object], tmp_path: Path) -> None:
    network = write_foreign(tmp_path / "f.onnx", training=training)
    assert run_cli("model", "info", network).code == 0
    done = run_cli("model", "card", network)
    assert done.code == 0 or "a card cannot be made" in done.err


# ---- the other doors ----

AT_ALL_DOORS = ["nan", "three classes", "fails", "huge"]


@pytest.mark.parametrize("way", AT_ALL_DOORS)
def test_the_plugin(way: str, tmp_path: Path, out: Path) -> None:
    network = write_foreign(tmp_path / "f.onnx", way)
    ran = plugin(CALLS, "-f", REF, "-m", network, "-o", out)
    assert ran.code == 255
    one_line(ran.err, network, GRAPH_FAULTS[way])
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("way", AT_ALL_DOORS)
def test_serve_view_and_python(way: str, tmp_path: Path, out: Path) -> None:
    network = write_foreign(tmp_path / "f.onnx", way)
    served = run_process("serve", "-m", network, "--listen", f"unix:{tmp_path}/s")
    assert (served.returncode, served.stdout) == (2, b"")
    one_line(served.stderr.decode(), network, GRAPH_FAULTS[way])
    assert not (tmp_path / "s").exists()
    viewed = run_cli("view", CALLS, "-R", REF, "-m", network, "-o", out.with_suffix(".html"))
    assert viewed.code == 2
    one_line(viewed.err, network, GRAPH_FAULTS[way])
    with pytest.raises(BadInput) as error:
        cnnscore.open(model=str(network))
    assert GRAPH_FAULTS[way] in str(error.value)
    assert list(out.parent.iterdir()) == []


# ---- loops that do not end ----


def seconds_worked(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def in_the_loop(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has worked for longer than anything but the loop takes."""
    wait_until(lambda: process.poll() is None and seconds_worked(process) > 4)


@pytest.mark.parametrize(
    ("door", "number"),
    [
        *((door, signal.SIGTERM) for door in ("score", "plugin", "serve", "view", "trial")),
        *((door, signal.SIGINT) for door in ("score", "plugin", "serve")),
    ],
)
def test_a_loop_ends_with_its_process(
    door: str, number: signal.Signals, tmp_path: Path, out: Path
) -> None:
    """At once, and leaves nothing; the trial of sites made here ends, the user's sites do not."""
    way = "endless" if door in ("trial", "serve") else "endless at other MQ"
    network = write_foreign(tmp_path / "f.onnx", way)
    files = [CALLS, "-R", REF, "-m", network, "-o", out]
    command: list[object] = [sys.executable, "-m", "cnnscore", "score", *files, "--quiet"]
    if door == "plugin":
        command = ["bcftools", "+cnnscore", CALLS, "-f", REF, "-m", network, "-o", out]
    elif door == "serve":
        command = [*serve_command("--listen", f"unix:{tmp_path}/s", "-m", network)]
    elif door == "view":
        command = [sys.executable, "-m", "cnnscore", "view", *files[:-1]]
        command += [out.with_suffix(".html")]
    process = subprocess.Popen(
        [*map(str, command)],
        env=environment() if door == "plugin" else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        in_the_loop(process)
        process.send_signal(number)
        _, err = process.communicate(timeout=SOON)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode in (-number, 128 + number)
    said = [line for line in err.splitlines() if b"warning: showing the first" not in line]
    assert said in ([], [b"cnnscore: interrupted"])
    assert list(out.parent.iterdir()) == []
