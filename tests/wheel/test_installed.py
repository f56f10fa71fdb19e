"""What a user installs: source distribution -> wheel -> an environment that knows no clone.

The wheel stands on pysam's htslib, which is what `pip install` takes where the system has none.
`make check-dist` does the same with release wheels, in environments that pip fills, in GATK too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

from conftest import DATA, TESTS, run_cli

ROOT = TESTS.parent
CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"
ORDERS = ("pysam, cnnscore.calls.records", "cnnscore.calls.records, pysam")


def run(*command: object, **variables: str) -> str:
    """What a command prints, without this session's variables of cnnscore."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CNNSCORE_")}
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "BCFTOOLS_PLUGINS"):
        kept.pop(name, None)
    done = subprocess.run(
        [str(word) for word in command],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    return done.stdout


def digest(calls: Path) -> str:
    scores = run("bcftools", "query", "-f", "%CHROM %POS %REF %ALT %INFO/CNN_READS\n", calls)
    assert scores.count("\n") == 294
    assert " .\n" not in scores
    return hashlib.sha256(scores.encode()).hexdigest()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, with the tools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    code = (
        f"import os, backend; os.chdir({str(ROOT)!r}); print(backend.build_sdist({str(folder)!r}))"
    )
    name = run(sys.executable, "-c", code, PYTHONPATH=str(ROOT / "native")).splitlines()[-1]
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps"]
    build = folder / "the place of a build"
    build.mkdir()
    options = ("--no-build-isolation", "-w", folder, folder / name)
    run(*pip, *options, CNNSCORE_HTSLIB="pysam", TMPDIR=str(build))
    (built,) = folder.glob("*.whl")
    return built


def asked(requirements: list[str], extra: str) -> set[Distribution]:
    """What pip would fetch for these lines, and for what that asks for."""
    found: dict[str, Distribution] = {}
    waiting = [(Requirement(line), extra) for line in requirements]
    while waiting:
        wanted, chosen = waiting.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": chosen}):
            continue
        if wanted.name == "cnnscore":  # an extra that stands on another
            waiting += [(Requirement(line), one) for line in requirements for one in wanted.extras]
        elif canonical(wanted.name) not in found:
            there = found[canonical(wanted.name)] = distribution(wanted.name)
            more = [Requirement(line) for line in there.requires or []]
            waiting += [(line, one) for line in more for one in (wanted.extras or {""})]
    return set(found.values())


def environment_with(wheel: Path, folder: Path, extra: str = "") -> Path:
    """The python of an environment with the wheel and what it asks for; packages of the one that
    runs the tests stand in for what pip would fetch.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    (packages,) = folder.glob("lib/python3*/site-packages")
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    for one in asked(metadata.get_all("Requires-Dist", []), extra):
        for top in {file.parts[0] for file in one.files or [] if file.parts[0] != ".."}:
            if not (packages / top).exists():
                (packages / top).symlink_to(str(one.locate_file(top)))
    there = folder / "bin" / "python"
    options = ["-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    run(sys.executable, "-m", "pip", f"--python={there}", "install", *options, wheel)
    return there


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with the wheel alone, no extra; its folder has a name that is not easy."""
    return environment_with(wheel, tmp_path_factory.mktemp("installed") / "größere Umgebung")


def test_the_command_and_bcftools_give_the_clone_s_scores(python: Path, tmp_path: Path) -> None:
    command = (python, "-m", "cnnscore")
    origin = run(python, "-c", "import cnnscore; print(cnnscore.__file__)")
    assert str(ROOT) not in origin
    inputs = (CALLS, "-R", REF, "-I", READS, "--quiet", "-o")
    run(*command, "score", *inputs, tmp_path / "command.vcf.gz")
    folder = run(*command, "plugin-path").strip()
    plugin = ("bcftools", "+cnnscore", CALLS, "-f", REF, "-b", READS, "-Oz", "-o")
    run(*plugin, tmp_path / "plugin.vcf.gz", BCFTOOLS_PLUGINS=folder)
    assert run_cli("score", *inputs, tmp_path / "clone.vcf.gz").code == 0
    doors = {name: digest(tmp_path / f"{name}.vcf.gz") for name in ("clone", "command", "plugin")}
    assert len(set(doors.values())) == 1, doors


def test_gatk_s_engine_and_a_network_of_gatk_s_need_no_extra(python: Path, tmp_path: Path) -> None:
    """What the walker starts and speaks to, a page of `view`, and what reads Keras files."""
    socket = tmp_path / "engine.sock"
    command = [str(python), "-m", "cnnscore"]
    serve = [*command, "serve", "--listen", f"unix:{socket}", "-m", "reads", "--end-with-stdin"]
    files = (CALLS, "-R", REF, "-I", READS)
    run(*command, "score", *files, "--quiet", "-o", tmp_path / "here.vcf.gz")
    with subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
        assert engine.stdout
        assert engine.stdout.readline().startswith(b"ready ")
        there = ("--quiet", "--server", f"unix:{socket}", "-o", tmp_path / "there.vcf.gz")
        run(*command, "score", *files, *there)
        engine.communicate()
    assert digest(tmp_path / "here.vcf.gz") == digest(tmp_path / "there.vcf.gz")
    run(*command, "view", *files, "-r", "synA:1-9000", "--quiet", "-o", tmp_path / "view.html")
    run(python, "-c", "import cnnscore.network.keras_import")


@pytest.mark.parametrize(
    ("form", "options", "variables"),
    [
        ("copy", (), {}),
        ("link", ("-I",), {}),
        ("itself", ("-OO", "-W", "error"), {"HOME": "/proc", "PYTHONOPTIMIZE": "2"}),
        ("itself", (), {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
    ids=["copied", "linked", "without a home", "without UTF-8"],
)
def test_in_odd_places(
    python: Path, tmp_path: Path, form: str, options: tuple[str], variables: dict[str, str]
) -> None:
    environment = python.parents[1]
    if form == "copy":
        environment = shutil.copytree(environment, tmp_path / "copy", symlinks=True)
    elif form == "link":
        (tmp_path / "link").symlink_to(environment)
        environment = tmp_path / "link"
    command = (environment / "bin" / "python", *options, "-m", "cnnscore")
    few = ("-r", "synA:1-9000", "-Ou", "-o")
    files = (CALLS, "-R", REF, "-I", READS, "--quiet", *few, tmp_path / "command.bcf")
    run(*command, "score", *files, **variables)
    folder = run(*command, "plugin-path", **variables).strip()
    plugin = ("bcftools", "+cnnscore", CALLS, "-f", REF, "-b", READS, *few, tmp_path / "plugin.bcf")
    run(*plugin, BCFTOOLS_PLUGINS=folder, **variables)
    assert run_cli("score", *files[:-1], tmp_path / "clone.bcf").code == 0
    found = [
        run("bcftools", "query", "-f", "%POS %INFO/CNN_READS\n", tmp_path / f"{door}.bcf")
        for door in ("clone", "command", "plugin")
    ]
    assert found[0]
    assert found == [found[0]] * 3


def test_train_runs_from_it(wheel: Path, tmp_path: Path) -> None:
    if find_spec("torch") is None:
        pytest.skip("needs PyTorch: run by `make test`")
    python = environment_with(wheel, tmp_path / "environment", "train")
    run("bash", TESTS / "wheel" / "train.sh", DATA, tmp_path / "train", python, "-m", "cnnscore")


def test_it_says_whose_htslib_it_has_and_asks_for_it(python: Path) -> None:
    assert ", pysam's: " in run(python, "-m", "cnnscore", "--version")
    code = "import importlib.metadata as m; print(*m.requires('cnnscore'), sep='\\n')"
    asked = [line for line in run(python, "-c", code).splitlines() if "extra" not in line]
    assert [line for line in asked if line.startswith("pysam>=")]


@pytest.mark.parametrize("order", ORDERS)
def test_pysam_in_the_same_process(python: Path, order: str) -> None:
    said = run(python, TESTS / "wheel" / "two_htslibs.py", order, DATA)
    assert ": 294 scores" in said


def test_python_callers_get_the_command_s_scores(python: Path, tmp_path: Path) -> None:
    """pysam's files and records, BCF, CRAM and URLs: one set of scores, the command's."""
    written = tmp_path / "command.vcf"
    run(python, "-m", "cnnscore", "score", CALLS, "-R", REF, "-I", READS, "--quiet", "-o", written)
    said = run(python, TESTS / "wheel" / "api_caller.py", DATA, tmp_path)
    assert said.splitlines()[-1] == "9 ways, 294 scores, the same to the bit"
    assert (tmp_path / "scores").read_text() == run(
        "bcftools", "query", "-f", "%INFO/CNN_READS\n", written
    )
    theirs, ours = (
        [line for line in path.read_text().splitlines() if not line.startswith("##")]
        for path in (written, tmp_path / "api.vcf")
    )
    assert ours == theirs
