"""libcnnscore.so in programs without Python: host.c, and the example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from hosts.server import Server
from seam.conftest import HERE, NATIVE, SERVER, USAGE, Case, Host, build_library, build_program

# Python and ONNX Runtime keep what they have until the process ends: leaks are stress's to find.
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
ASAN_OPTIONS = "detect_leaks=0:abort_on_error=1"


@pytest.fixture(params=["reference", "reads"])
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


# ---- host.c ----


@pytest.mark.parametrize("command", ["score", "submit", "threads", "storm", "reopen"])
def test_scores_are_the_engines_to_the_bit(
    host: Host, case: Case, command: str, tmp_path: Path
) -> None:
    host(command, case.model, case.file, tmp_path / "scores")
    assert (tmp_path / "scores").read_bytes() == case.scores


@pytest.mark.parametrize("command", ["score", "submit", "threads", "storm", "reopen", "leave"])
def test_a_server_instead_of_a_network(
    host: Host, cases: dict[str, Case], servers: dict[str, Server], command: str, tmp_path: Path
) -> None:
    case = cases["reads"]
    host(command, servers["reads"].address, case.file, tmp_path / "scores")
    if command != "leave":
        assert (tmp_path / "scores").read_bytes() == case.scores


def test_a_server_that_is_gone(host: Host, cases: dict[str, Case], tmp_path: Path) -> None:
    said = host("open", f"unix:{tmp_path}/gone").stdout
    assert re.match(
        rf"{SERVER} no answer from the server at unix:\S+gone "
        r"\(No such file or directory\): is it running\? `cnnscore serve",
        said,
    )


def test_without_an_environment(host: Host, cases: dict[str, Case], tmp_path: Path) -> None:
    case = cases["reference"]
    host("score", case.model, case.file, tmp_path / "scores", env={})
    assert (tmp_path / "scores").read_bytes() == case.scores


def test_in_a_hostile_environment(host: Host, cases: dict[str, Case], tmp_path: Path) -> None:
    """Python's variables are for the user's Python, not for the one inside."""
    case = cases["reference"]
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    env = {"PYTHONHOME": "/nowhere", "PYTHONPATH": str(tmp_path), "PYTHONVERBOSE": "1"}
    env |= {"PYTHONWARNINGS": "error", "PYTHONSTARTUP": "/nowhere", "LC_ALL": "C"}
    host("score", case.model, case.file, tmp_path / "scores", env=env, cwd=tmp_path)
    assert (tmp_path / "scores").read_bytes() == case.scores


def test_loaded_locally(host: Host, cases: dict[str, Case], tmp_path: Path) -> None:
    """As bcftools loads plugins: Python's symbols become global all the same."""
    case = cases["reference"]
    env = {**os.environ, "HOST_DLOPEN": "local"}
    host("score", case.model, case.file, tmp_path / "scores", env=env)
    assert (tmp_path / "scores").read_bytes() == case.scores


def test_signal_handlers_stay_the_hosts(host: Host, tiny: dict[str, str]) -> None:
    assert host("signals", tiny["reads"]).stdout == "0 changed\n"


def test_leaving_with_batches_in_flight(host: Host, cases: dict[str, Case]) -> None:
    """As bcftools' error() would: without waiting, ONNX Runtime crashed in one run of three."""
    for _ in range(5):
        host("leave", cases["reads"].model, cases["reads"].file)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_does_not_work_here(
    host: Host, tiny: dict[str, str], provider: str
) -> None:
    said = host("open", tiny["reads"], provider).stdout
    if said == "0 \n":
        pytest.skip(f"{provider} works here")
    assert re.match(rf"{USAGE} .*ExecutionProvider( does not work here|: `pip install)", said)


def test_nothing_is_reported_home(host: Host, cases: dict[str, Case], tmp_path: Path) -> None:
    """ONNX Runtime's wheels keep a device id in the home folder and send events: not in here."""
    host("files", cases["reads"].model, cases["reads"].file, env={"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_no_htslib_comes_with_the_engine(host: Host, cases: dict[str, Case]) -> None:
    """The host has one of its own, as bcftools has; pysam would bring another beside it."""
    env = {**os.environ, "LD_PRELOAD": "libhts.so"}
    loaded = set(host("files", cases["reads"].model, cases["reads"].file, env=env).stdout.split())
    names = {Path(file).name for file in loaded}
    assert any(name.startswith("onnxruntime_pybind11_state") for name in names)
    assert any(name.startswith("_encode") for name in names)
    assert len([name for name in names if name.startswith("libhts.so")]) == 1
    assert not [name for name in names if re.search("chtslib|pysam|_window", name)]


def test_memory_stays_flat(host: Host, cases: dict[str, Case]) -> None:
    seconds = float(os.environ.get("CNNSCORE_STRESS_SECONDS", "5"))
    case = cases["reference"]
    said = host("stress", case.model, case.file, seconds).stdout
    print(said)
    found = re.match(r"(\d+) rounds, (\d+) kB after warming up, (\d+) kB at the end", said)
    assert found, said
    rounds, before, after = map(int, found.groups())
    assert rounds > 3
    # What engines (2 MB each), tickets or thread states left behind would show by its sum.
    assert after - before < 4096, said


def test_the_interpreter_can_be_chosen(host: Host, tiny: dict[str, str]) -> None:
    env = {**os.environ, "CNNSCORE_PYTHON": sys.executable}
    assert host("open", tiny["reads"], env=env).stdout == "0 \n"


@pytest.fixture(scope="session")
def broken_pythons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Interpreters that cannot serve, by what is wrong with them."""
    folder = tmp_path_factory.mktemp("pythons")
    plain = folder / "plain"
    plain.write_text("#!/bin/sh\n")
    bare, other = folder / "bare", folder / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    # An environment of another version: its packages lie where this one does not look.
    shutil.copytree(bare, other, symlinks=True)
    (other / "lib" / f"python3.{sys.version_info.minor}").rename(other / "lib" / "python3.9")
    (other / "pyvenv.cfg").write_text("home = /nowhere/bin\nversion = 3.9.1\n")
    wrecked = folder / "wrecked"
    shutil.copytree(bare, wrecked, symlinks=True)
    packages = wrecked / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (packages / "cnnscore").mkdir(parents=True)
    (packages / "cnnscore" / "__init__.py").write_text("print('loud')\n1 / 0\n")
    return {
        "missing": folder / "nonexistent",
        "a folder": folder,
        "not executable": plain,
        "without cnnscore": bare / "bin" / "python",
        "of another version": other / "bin" / "python",
        "with a broken cnnscore": wrecked / "bin" / "python",
        "no python at all": Path(shutil.copy("/bin/true", folder / "true")),
    }


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing", "there is no Python at"),
        ("a folder", "there is no Python at"),
        ("not executable", "there is no Python at"),
        ("without cnnscore", "No module named 'cnnscore'"),
        ("of another version", "No module named 'cnnscore'"),
        ("with a broken cnnscore", "division by zero"),
        ("no python at all", "has no shared library of Python 3."),
    ],
)
def test_broken_interpreters_are_errors_with_a_remedy(
    host: Host, tiny: dict[str, str], broken_pythons: dict[str, Path], what: str, words: str
) -> None:
    python = broken_pythons[what]
    said = host("open", tiny["reads"], env={"CNNSCORE_PYTHON": str(python)}).stdout
    assert said.startswith(f"{USAGE} ")
    assert str(python) in said
    assert words in said
    assert "set CNNSCORE_PYTHON to the python of an environment with Python 3." in said


def test_no_libpython_is_linked_and_no_path_is_built_in(library: Path) -> None:
    for file in (library, library.with_name("libcnnscore_python.so")):
        dynamic = subprocess.check_output(["readelf", "-d", file], text=True)
        assert not re.search(r"libpython|RPATH|RUNPATH", dynamic)
        strings = subprocess.check_output(["strings", file], text=True).splitlines()
        assert not [text for text in strings if text.startswith(sys.prefix)]


def test_the_library_of_a_moved_environment(
    host: Host, cases: dict[str, Case], library: Path, tmp_path: Path
) -> None:
    """An environment that has the library, then moved: the python is found from the library."""
    first, second = tmp_path / "first", tmp_path / "second"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", first], check=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(first)})
    Path(packages, "all.pth").write_text("\n".join(path for path in sys.path if path))
    build = [sys.executable, str(NATIVE / "build_shim.py"), str(first / "lib")]
    subprocess.run([*build, "--environment", ".."], check=True)
    first.rename(second)
    case = cases["reference"]
    moved = second / "lib" / "libcnnscore.so"
    host("score", case.model, case.file, tmp_path / "scores", env={}, library=moved)
    assert (tmp_path / "scores").read_bytes() == case.scores
    (second / "bin").rename(second / "away")
    said = host("open", case.model, env={}, library=moved).stdout
    assert re.match(rf"{USAGE} there is no Python at {second}/bin/python3.*CNNSCORE_PYTHON", said)


def test_a_folder_of_packages(
    host: Host, cases: dict[str, Case], library: Path, tmp_path: Path
) -> None:
    """`pip install --target`: the first python of the PATH that can serve, past pyenv's scripts."""
    target = tmp_path / "a" / "target"
    shutil.copytree(NATIVE.parent / "python" / "cnnscore", target / "cnnscore")
    (target / "all.pth").write_text("\n".join(path for path in sys.path if path))
    build = [sys.executable, str(NATIVE / "build_shim.py"), str(target / "cnnscore" / "lib")]
    subprocess.run([*build, "--environment", "../../../../.."], check=True)
    shim = tmp_path / "shims" / f"python3.{sys.version_info.minor}"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\n")
    shim.chmod(0o755)
    case, installed = cases["reference"], target / "cnnscore" / "lib" / "libcnnscore.so"
    real = Path(sys.executable).resolve().parent
    env = {"PATH": f"{shim.parent}:{real}"}
    host("score", case.model, case.file, tmp_path / "scores", env=env, library=installed)
    assert (tmp_path / "scores").read_bytes() == case.scores
    said = host("open", case.model, env={"PATH": str(shim.parent)}, library=installed).stdout
    assert f"{shim} has no shared library of Python 3." in said


def test_a_python_without_a_shared_library(
    host: Host, tiny: dict[str, str], tmp_path: Path
) -> None:
    """As pyenv and Debian have them: one error, with the ways to get one."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    shutil.copy(Path(sys.executable).resolve(), python)
    said = host("open", tiny["reads"], env={"CNNSCORE_PYTHON": str(python)}).stdout
    assert said.count("\n") == 1
    assert f"{python} has no shared library of Python 3." in said
    for words in ("apt install libpython3", "--enable-shared", "CNNSCORE_PYTHON"):
        assert words in said


# ---- the example, and sanitizers ----


def example(library: Path, output: Path, *flags: str) -> Path:
    linked = [f"-L{library.parent}", f"-Wl,-rpath,{library.parent}", "-lcnnscore"]
    return build_program(NATIVE / "examples" / "score_one.c", output, *flags, *linked)


@pytest.mark.parametrize("kind", ["reference", "reads"])
def test_score_one(library: Path, tiny: dict[str, str], tmp_path: Path, kind: str) -> None:
    program = example(library, tmp_path / "score_one")
    run = subprocess.run([program, tiny[kind]], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(rf"{kind} on .*\nchr1:1001 A>G -?\d+\.\d{{3}}\n", run.stdout)
    run = subprocess.run([program, "nowhere.onnx"], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("score_one: no network at nowhere.onnx: give a file")


def test_score_one_is_short() -> None:
    source = (NATIVE / "examples" / "score_one.c").read_text()
    assert len(source.splitlines()) <= 80


in_its_turn = pytest.mark.skipif(
    not os.environ.get("CNNSCORE_VALGRIND"), reason="`make asan` asks, by CNNSCORE_VALGRIND=1"
)


@in_its_turn
def test_under_address_sanitizer(
    cases: dict[str, Case], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The library's own code and its callers' buffers; Python itself is not instrumented."""
    folder = tmp_path_factory.mktemp("asan")
    library = build_library(folder, SANITIZE)
    program = build_program(HERE / "host.c", folder / "host", *SANITIZE)
    one = example(library, folder / "score_one", *SANITIZE)
    env = {**os.environ, "ASAN_OPTIONS": ASAN_OPTIONS}
    case = cases["reads"]
    commands: list[list[str | Path]] = [[one, case.model]]
    for name in ("threads", "submit", "reopen"):
        commands.append([program, library, name, case.model, case.file, folder / name])
    for command in commands:
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, "")
    assert (folder / "threads").read_bytes() == case.scores


@in_its_turn
def test_score_one_under_valgrind(library: Path, tiny: dict[str, str], tmp_path: Path) -> None:
    """No error anywhere but in the two places of valgrind.supp, and nothing lost."""
    program = example(library, tmp_path / "score_one")
    valgrind = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full"]
    valgrind += ["--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"]
    valgrind.append(f"--suppressions={HERE / 'valgrind.supp'}")
    command = [*valgrind, str(program), tiny["reads"]]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
