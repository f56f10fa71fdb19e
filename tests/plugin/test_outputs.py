"""Outputs as bcftools writes them, and whole or not at all: one rule, at both doors.

`door` is `cnnscore score` or `bcftools +cnnscore`; each test holds for both.
"""

from __future__ import annotations

import gzip
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pysam
import pytest
from onnx import numpy_helper

from hosts.plugin import environment
from hosts.waiting import wait_until

GONE = 4_194_303
"""A PID that no process has (asserted where it is used)."""


class Door:
    """A command line that scores box/calls.vcf.gz."""

    def __init__(self, name: str, box: Path, model: str) -> None:
        self.name, self.box, self.model = name, box, model

    def command(self, *arguments: object, calls: object = None) -> list[str]:
        source = calls or self.box / "calls.vcf.gz"
        if self.name == "score":
            command = [sys.executable, "-m", "cnnscore", "score", source, "-R"]
        else:
            command = ["bcftools", "+cnnscore", source, "-f"]
        return [*map(str, [*command, self.box / "ref.fa", "-m", self.model, *arguments])]

    def __call__(self, *arguments: object, limit: str = "") -> subprocess.CompletedProcess[str]:
        shell = ["bash", "-c", f'{limit} exec "$@"', "limited"] if limit else []
        return subprocess.run(
            [*shell, *self.command(*arguments)],
            env=environment() if self.name == "plugin" else None,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def good(self, *arguments: object) -> None:
        run = self(*arguments)
        assert run.returncode == 0, run.stderr

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """A run that waits for more records."""
        process = subprocess.Popen(
            self.command(*arguments, calls="-"),
            env=environment() if self.name == "plugin" else None,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin
        process.stdin.write(self.calls())
        process.stdin.flush()
        return process

    def calls(self) -> bytes:
        with gzip.open(self.box / "calls.vcf.gz") as file:
            return file.read()


@pytest.fixture(params=["score", "plugin"])
def door(request: pytest.FixtureRequest, box: Path, tiny: dict[str, str]) -> Door:
    return Door(request.param, box, tiny["reference"])


def records(path: Path) -> int:
    with pysam.VariantFile(str(path)) as file:
        return sum("CNN_1D" in record.info for record in file)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


# ---- symbolic links, modes, names ----


@pytest.mark.parametrize("dangling", [False, True])
def test_through_a_link(door: Door, out: Path, dangling: bool) -> None:
    """As bcftools: the link stays, and what it leads to is written; the index lies at the link."""
    real = out / "store" / "real.vcf.gz"
    real.parent.mkdir()
    if not dangling:
        real.write_text("before")
    (out / "middle").symlink_to("store/real.vcf.gz")
    link = out / "link.vcf.gz"
    link.symlink_to(out / "middle")
    door.good("-o", link, "-W=tbi")
    assert link.is_symlink()
    assert (out / "middle").is_symlink()
    assert records(real) == 294
    assert names(out) == {"store", "middle", "link.vcf.gz", "link.vcf.gz.tbi"}
    assert names(real.parent) == {"real.vcf.gz"}


def test_the_indexs_own_link(door: Door, out: Path) -> None:
    (out / "store").mkdir()
    index = out / "a.vcf.gz.tbi"
    index.symlink_to("store/a.tbi")
    door.good("-o", out / "a.vcf.gz", "-W=tbi")
    assert index.is_symlink()
    assert (out / "store" / "a.tbi").read_bytes()[:2] == b"\x1f\x8b"
    assert names(out / "store") == {"a.tbi"}


@pytest.mark.parametrize("more", [[], ["-W=tbi"], ["-W"]], ids=["none", "tbi", "csi"])
@pytest.mark.parametrize("linked", [False, True])
def test_no_index_of_what_was_there_before(
    door: Door, out: Path, more: list[str], linked: bool
) -> None:
    """Readers take the one that they find first, and nothing tells them that it is another's."""
    store = out / "store"
    store.mkdir()
    path = out / "a.vcf.gz"
    if linked:
        path.symlink_to("store/real.vcf.gz")
    for kind in ("-W=tbi", "-W=csi"):
        door.good("-o", path, "-t", "synA", kind)
    stale = {"a.vcf.gz.csi": path, "a.vcf.gz.tbi": path, "real.vcf.gz.tbi": store / "real.vcf.gz"}
    for name, file in stale.items():
        file.with_name(name).write_bytes(b"another's")
    (door.box / "bad.vcf").write_bytes(b"no VCF")
    failed = door.command("-o", path, *more, calls=door.box / "bad.vcf")
    done = subprocess.run(failed, env=environment(), capture_output=True, check=False)
    assert done.returncode != 0
    assert (out / "a.vcf.gz.tbi").read_bytes() == b"another's"  # what was there stays whole
    door.good("-o", path, *more)
    kept = {"store", "a.vcf.gz", *([] if not more else [f"a.vcf.gz.{(more[0][3:] or 'csi')}"])}
    assert names(out) == kept
    assert names(store) == ({"real.vcf.gz"} if linked else {"real.vcf.gz.tbi"})
    assert records(path) == 294
    if more:
        with pysam.VariantFile(str(path)) as indexed:
            assert len(list(indexed.fetch("synB"))) > 10


def test_links_in_a_circle(door: Door, out: Path) -> None:
    (out / "a.vcf").symlink_to("b.vcf")
    (out / "b.vcf").symlink_to("a.vcf")
    run = door("-o", out / "a.vcf")
    assert run.returncode in (2, 255)
    assert "a.vcf: Too many levels of symbolic links" in run.stderr
    assert names(out) == {"a.vcf", "b.vcf"}


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_the_mode_of_what_is_replaced(door: Door, out: Path, mode: int) -> None:
    file = out / "a.vcf.gz"
    index = out / "a.vcf.gz.csi"
    for path in (file, index):
        path.touch()
        path.chmod(mode)
    door.good("-o", file, "-W=csi")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, index)] == [mode, mode]
    assert records(file) == 294


def test_the_mode_of_a_new_file(door: Door, out: Path) -> None:
    run = door("-o", out / "a.vcf.gz", "-W", limit="umask 027;")
    assert run.returncode == 0, run.stderr
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o640}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to give a file away")
def test_the_owner_of_what_is_replaced(door: Door, out: Path) -> None:
    file = out / "a.vcf"
    file.touch()
    os.chown(file, 65534, 65534)
    door.good("-o", file)
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_nobody_reads_what_is_unfinished(door: Door, out: Path) -> None:
    file = out / "a.vcf"
    file.touch()
    file.chmod(0o600)
    process = door.start("-o", file)
    wait_until(lambda: len(names(out)) == 2)
    part = next(path for path in out.iterdir() if path != file)
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    process.communicate()


@pytest.mark.parametrize("letter", ["x", "é"])
def test_names_up_to_the_limit(door: Door, out: Path, letter: str) -> None:
    limit = os.pathconf(out, "PC_NAME_MAX")
    size = len(letter.encode())
    stem = letter * ((limit - len("1.vcf.gz.tbi")) // size)
    stem += "y" * (limit - len("1.vcf.gz.tbi") - len(stem.encode()))
    for end in "12":  # which differ where a name that is cut short does not
        door.good("-o", out / f"{stem}{end}.vcf.gz", "-W=tbi")
    assert names(out) == {f"{stem}{end}.vcf.gz{suffix}" for end in "12" for suffix in ("", ".tbi")}
    run = door("-o", out / f"{stem}longer.vcf.gz", "-W=tbi")
    assert run.returncode in (2, 255)
    assert "File name too long" in run.stderr
    assert len(names(out)) == 4


@pytest.mark.parametrize("letter", ["x", "é"])
def test_names_that_leave_no_room_for_an_index(door: Door, out: Path, letter: str) -> None:
    """None is asked for, and of what was there before there can be none."""
    room = os.pathconf(out, "PC_NAME_MAX") - len(".vcf")
    name = letter * (room // len(letter.encode())) + ".vcf"
    for _ in "12":  # new, and replaced
        door.good("-o", out / name)
        assert names(out) == {name}


def test_an_open_file_is_written_as_it_is(door: Door, out: Path) -> None:
    """/dev/stdout is a link in /proc: nothing is renamed over what it leads to."""
    file = out / "a.vcf"
    with file.open("wb") as sink:
        before = os.fstat(sink.fileno()).st_ino
        subprocess.run(
            door.command("-o", "/dev/stdout"),
            env=environment() if door.name == "plugin" else None,
            stdout=sink,
            check=True,
            timeout=300,
        )
    assert file.stat().st_ino == before
    assert records(file) == 294
    assert Path("/dev/stdout").is_symlink()


# ---- ends ----


def test_file_size_limit(door: Door, out: Path) -> None:
    run = door("-o", out / "a.vcf", limit="ulimit -c 0; ulimit -f 8;")
    assert run.returncode != 0
    assert run.returncode in (2, -signal.SIGXFSZ), run.stderr
    assert not names(out)


@pytest.mark.parametrize(
    "number", [signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGUSR1, signal.SIGXCPU]
)
def test_signals_leave_nothing(door: Door, out: Path, number: signal.Signals) -> None:
    file = out / "a.vcf.gz"
    process = door.start("-o", file, "-W")
    wait_until(lambda: len(names(out)) == 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode in (-number, 128 + number)
    assert err in (b"", b"cnnscore: interrupted\n")
    assert not names(out)


def test_ignored_signals_stay_so(door: Door, out: Path) -> None:
    command = ["bash", "-c", 'trap "" HUP; exec "$@"', "nohup"]
    process = subprocess.Popen(
        [*command, *door.command("-o", out / "a.vcf", calls="-")],
        env=environment() if door.name == "plugin" else None,
        stdin=subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(door.calls())
    process.stdin.flush()
    wait_until(lambda: bool(names(out)))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=300)
    assert process.returncode == 0
    assert names(out) == {"a.vcf"}


def test_what_a_killed_run_left_goes_with_the_next(door: Door, out: Path) -> None:
    file = out / "a.vcf.gz"
    process = door.start("-o", file, "-W")
    wait_until(lambda: len(names(out)) == 2)
    process.kill()
    process.communicate()
    left = names(out)
    assert left == {f".a.vcf.gz.{process.pid}.part", f".a.vcf.gz.csi.{process.pid}.part"}
    door.good("-o", out / "b.vcf.gz")  # of another output
    assert left < names(out)
    door.good("-o", file)  # the index's too, though this one has none
    assert names(out) == {"a.vcf.gz", "b.vcf.gz"}


def test_what_is_not_left_stays(door: Door, out: Path) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(GONE, 0)
    stays = {
        f".a.vcf.{os.getpid()}.part",  # of a process that lives
        ".a.vcf.0.part",
        ".a.vcf.99999999999.part",
        f".a.vcf.{GONE}.part.old",
        f".xa.vcf.{GONE}.part",
        f".a.vcf.x.{GONE}.part",
        f"a.vcf.{GONE}.part",
    }
    goes = {f".a.vcf.{GONE}.part", f".a.vcf.tbi.{GONE}.part"}
    for name in stays | goes:
        (out / name).touch()
    door.good("-o", out / "a.vcf")
    assert names(out) == stays | {"a.vcf"}


def test_each_door_cleans_up_after_the_other(
    box: Path, tiny: dict[str, str], out: Path, tmp_path: Path
) -> None:
    """Long names too: both shorten them alike."""
    file = out / ("é" * 120 + ".vcf.gz")
    one, other = (Door(name, box, tiny["reference"]) for name in ("score", "plugin"))
    for first, second in ((one, other), (other, one)):
        process = first.start("-o", file)
        wait_until(lambda: any(name.endswith(".part") for name in names(out)))
        process.kill()
        process.communicate()
        assert any(name.endswith(".part") for name in names(out))
        second.good("-o", file)
        assert names(out) == {file.name}


# ---- the scores ----


def test_no_minus_zero(door: Door, out: Path, tmp_path: Path) -> None:
    door.model = constant_network(door.model, tmp_path / "constant.onnx", -0.0004)
    for suffix in ("vcf", "bcf"):
        door.good("-o", out / f"a.{suffix}")
        with pysam.VariantFile(str(out / f"a.{suffix}")) as file:
            assert {str(record.info["CNN_1D"]) for record in file} == {"0.0"}
    assert "CNN_1D=-0" not in (out / "a.vcf").read_text()


def constant_network(network: str, target: Path, score: float) -> str:
    """A copy of a tiny network that gives every site one score; its path."""
    model = onnx.load(network)
    *_, kernel, bias = model.graph.initializer  # of the last layer, before the softmax
    no_weight = np.zeros_like(numpy_helper.to_array(kernel))
    kernel.CopyFrom(numpy_helper.from_array(no_weight, kernel.name))
    odds = np.array([0, 0, score, score], np.float32)
    bias.CopyFrom(numpy_helper.from_array(odds, bias.name))
    onnx.save(model, str(target))
    return str(target)
