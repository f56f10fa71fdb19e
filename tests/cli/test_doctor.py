"""`cnnscore doctor`, and what damages an installation."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from cnnscore.cli import doctor
from cnnscore.cli.doctor import ABSENT, BROKEN, OK, Finding
from cnnscore.errors import UsageError
from cnnscore.network import runtime
from cnnscore.network.runtime import REPAIR
from cnnscore.network.session import Session
from cnnscore.version import __version__
from conftest import run_cli


def finding(what: str) -> Finding:
    (found,) = [found for found in doctor.findings() if found.what == what]
    return found


def test_each_thing_has_a_line() -> None:
    out = run_cli("doctor").out.splitlines()
    assert all(line[:2].strip() in (OK, ABSENT, BROKEN) for line in out)
    assert {line[4:20].strip() for line in out} >= {"cnnscore", "ONNX Runtime", "networks", "GATK"}
    assert out[0].startswith("ok  cnnscore")


def test_something_broken_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [Finding(OK, "cnnscore", "1"), Finding(BROKEN, "GATK", "Java 8: install 17")]
    monkeypatch.setattr(doctor, "findings", lambda: iter(lines))
    run = run_cli("doctor")
    assert run.code == 2
    assert "!!  GATK             Java 8: install 17\n" in run.out
    assert "1 of the lines above" in run.err
    monkeypatch.setattr(doctor, "findings", lambda: iter(lines[:1]))
    assert run_cli("doctor").code == 0


def program(folder: Path, name: str, says: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)


def test_old_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for door in ("plugin", "walker"):
        monkeypatch.setattr(f"cnnscore.doors.{door}", lambda: tmp_path / "there")
    program(tmp_path, "bcftools", "bcftools 1.9")
    program(tmp_path, "java", 'openjdk version "11.0.2"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert finding("bcftools plugin").state == BROKEN
    assert "install 1.16 or later" in finding("bcftools plugin").found
    assert finding("GATK") == (BROKEN, "GATK", 'openjdk version "11.0.2": install Java 17 or later')
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert finding("bcftools plugin").state == ABSENT
    assert finding("GATK").state == ABSENT


def test_which_gatk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the jar, or beside that of GATK_LOCAL_JAR; else a script that has not the tool yet."""
    jar, gatk = tmp_path / "lib" / "cnnscore-gatk.jar", tmp_path / "gatk"
    for folder in (jar.parent, gatk, tmp_path / "bin"):
        folder.mkdir()
    jar.touch()
    monkeypatch.setattr("cnnscore.doors.walker", lambda: jar)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("GATK_LOCAL_JAR", raising=False)
    program(tmp_path / "bin", "java", 'openjdk version "17.0.1"')
    said = finding("GATK")
    assert said.state == ABSENT
    assert "no `gatk` in PATH" in said.found
    program(gatk, "gatk", "")
    (tmp_path / "bin" / "gatk").symlink_to(gatk / "gatk")
    said = finding("GATK")
    assert said.state == ABSENT
    assert f"`ln -s {jar} {gatk}`" in said.found
    # What it says, done: but the package is missing, then of a release that the jar does not find.
    (gatk / jar.name).symlink_to(jar)
    monkeypatch.setenv("GATK_LOCAL_JAR", str(gatk / jar.name))
    for name, state in (("4.4.0.0", ABSENT), ("4.6.1.0", OK)):
        (gatk / f"gatk-package-{name}-local.jar").touch()
        assert finding("GATK").state == state, name
    assert finding("GATK").found.endswith("with gatk-package-4.6.1.0-local.jar beside it")
    monkeypatch.delenv("GATK_LOCAL_JAR")
    (jar.parent / "gatk.jar").touch()
    assert finding("GATK") == (OK, "GATK", f"Java 17, {jar}, with gatk.jar beside it")


def test_two_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runtime.shadowed() is None
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.20")
    said = runtime.shadowed()
    assert said
    assert "`pip uninstall -y onnxruntime onnxruntime-gpu`" in said
    assert finding("ONNX Runtime").state == BROKEN


def test_a_runtime_that_is_there_in_part(tmp_path: Path) -> None:
    """What `pip uninstall onnxruntime` leaves of onnxruntime-gpu: a folder without its modules."""
    (tmp_path / "onnxruntime" / "capi").mkdir(parents=True)
    (tmp_path / "onnxruntime" / "__init__.py").touch()
    data = Path(__file__).parents[1] / "data" / "synthetic"
    command = [sys.executable, "-m", "cnnscore", "score", str(data / "calls.vcf.gz")]
    run = subprocess.run(
        [*command, "-R", str(data / "ref.fa"), "-o", str(tmp_path / "scored.vcf")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("cnnscore: error: ONNX Runtime is installed in part only")
    assert run.stderr.count("\n") == 1
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in run.stderr


def test_packages_that_are_missing_or_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `pip install --no-deps`: each with the one command that brings them all."""
    assert finding("Python packages").state == OK
    there = {"numpy": "1.25.9", "h5py": "3.10.0rc1", "grpcio": "2.0"}

    def version(name: str) -> str:
        if name in there:
            return there[name]
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    asked = ["numpy>=1.26", "h5py>=3.10", "grpcio>=2.0.0", "jinja2>=3.1"]
    monkeypatch.setattr("cnnscore.extras.asked", lambda extra: iter(asked))
    assert finding("Python packages") == (
        BROKEN,
        "Python packages",
        "numpy 1.25.9, no jinja2: `pip install 'numpy>=1.26' 'jinja2>=3.1'`",
    )


@pytest.mark.parametrize("module", ["numpy", "onnxruntime", "grpc"])
def test_what_cannot_be_imported_is_a_line(tmp_path: Path, module: str) -> None:
    """And no line blames another package."""
    (tmp_path / f"{module}.py").write_text(
        f"raise ModuleNotFoundError('No module named {module}', name='{module}')\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "cnnscore", "doctor"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in run.stderr
    lines = {line[4:20].strip(): line for line in run.stdout.splitlines()}
    runtime_line = lines["ONNX Runtime"]
    assert (REPAIR in runtime_line) == (module == "onnxruntime"), runtime_line
    assert re.search(rf"\b[Nn]o (module named )?{module}\b", run.stdout)


def test_a_driver_but_not_what_cuda_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks are opened: that ONNX Runtime was built for CUDA says nothing about cuDNN."""
    real, opened = ctypes.CDLL, []
    monkeypatch.setattr(
        ctypes, "CDLL", lambda name, *rest: name == "libcuda.so.1" or real(name, *rest)
    )
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])

    def open_session(self: Session, path: Path, provider: str, *, precision: str = "exact") -> None:
        if precision != "exact":
            raise UsageError("this is about CUDA")
        opened.append(provider)
        if len(opened) > 1:
            raise UsageError("CUDAExecutionProvider does not work here: no libcudnn.so.9: do so")

    monkeypatch.setattr(Session, "__init__", open_session)
    assert finding("CUDA").state == OK
    assert finding("CUDA") == (
        ABSENT,
        "CUDA",
        "a driver, but CUDAExecutionProvider does not work here: no libcudnn.so.9: do so; "
        "until then the CPU is used",
    )
    assert opened == ["cuda", "cuda"]


def test_the_command_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GATK's tool starts what PATH has: not there, another's, or a script of an environment that
    was moved, which names a Python that is gone.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    said = finding("cnnscore in PATH")
    assert said.state == ABSENT
    assert f"`--engine '{sys.executable} -m cnnscore serve'`" in said.found
    program(tmp_path, "cnnscore", f"cnnscore {__version__}")
    assert finding("cnnscore in PATH") == (OK, "cnnscore in PATH", str(tmp_path / "cnnscore"))
    program(tmp_path, "cnnscore", "cnnscore 0.0.1")
    said = finding("cnnscore in PATH")
    assert said.state == BROKEN
    assert said.found.startswith(f"{tmp_path / 'cnnscore'} is cnnscore 0.0.1: ")
    (tmp_path / "cnnscore").write_text("#!/nowhere/bin/python\n")
    said = finding("cnnscore in PATH")
    assert said.state == BROKEN
    assert said.found.startswith(f"{tmp_path / 'cnnscore'} does not start: ")
    assert f"Use `{sys.executable} -m cnnscore`, or install cnnscore again" in said.found
