"""libcnnscore.so: from programs without Python (host.c), and from this one, which has its own."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cffi import FFI

from cnnscore.batch import WindowBatch, to_native
from cnnscore.engine import Engine
from cnnscore.records import Calls, Records
from cnnscore.windows import ReaderOptions, WindowReader
from conftest import DATA
from scoring_server import Server

ROOT = Path(__file__).parents[2]
NATIVE, HERE = ROOT / "native", Path(__file__).parent
OK, INPUT, USAGE, BATCH, SERVER = 0, -2, -3, -5, -7
STRICT = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
# Python and ONNX Runtime keep what they have until the process ends: leaks are stress's to find.
ASAN_OPTIONS = "detect_leaks=0:abort_on_error=1"

Host = Callable[..., subprocess.CompletedProcess[str]]


# ---- what is built once ----


def build_library(folder: Path, flags: list[str]) -> Path:
    environment = {**os.environ, "CFLAGS": " ".join(flags), "LDFLAGS": " ".join(flags)}
    command = [sys.executable, str(NATIVE / "build_shim.py"), str(folder)]
    subprocess.run(command, env=environment, check=True)
    return folder / "libcnnscore.so"


def build_program(source: Path, output: Path, *flags: str) -> Path:
    include = f"-I{NATIVE / 'include'}"
    command = ["cc", *STRICT, include, str(source), *flags, "-ldl", "-lpthread", "-o", str(output)]
    subprocess.run(command, check=True)
    return output


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library under test: the one that `make` built, else one built here."""
    made = os.environ.get("CNNSCORE_LIBRARY")
    return Path(made) if made else build_library(tmp_path_factory.mktemp("library"), [])


@pytest.fixture(scope="session")
def host(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Runs a command of host.c; the library must say nothing on stderr."""
    program = build_program(HERE / "host.c", tmp_path_factory.mktemp("host") / "host")

    def run(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> Any:
        finished = subprocess.run(
            [program, library, *map(str, arguments)],
            env=dict(os.environ) if env is None else env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )
        assert finished.stderr == ""
        assert finished.returncode == 0
        return finished

    return run


# ---- what is scored ----


@dataclass(frozen=True)
class Case:
    """A network, windows that fit it, and what the Python engine says of them."""

    model: str
    batch: WindowBatch
    file: Path
    scores: bytes


def write_batch(path: Path, batch: WindowBatch) -> None:
    """As host.c reads it."""
    counts = [len(batch), batch.annotations.shape[1], batch.reference_left]
    counts += [batch.reference.shape[1], len(batch.contig_length)]
    columns = (
        *(batch.contig, batch.pos, batch.end, batch.kind, batch.site_allele, batch.allele_offset),
        *(batch.alleles, batch.annotations, batch.reference, batch.site_read, batch.read_offset),
        *(batch.reads, batch.contig_length, batch.contig_offset, batch.contig_names),
    )
    with path.open("wb") as file:
        file.write(np.array(counts, np.int32).tobytes())
        for column in columns:
            file.write(np.int64(column.nbytes).tobytes() + column.tobytes())


def make_case(kind: str, model: str, path: Path) -> Case:
    engine = Engine(model, provider="cpu")
    manifest = engine.manifest
    left, width = manifest.encoder.reference_columns(manifest.window)
    options = ReaderOptions(
        str(DATA / "ref.fa"),
        (str(DATA / "reads.bam"),) if kind == "reads" else (),
        read_rule=manifest.encoder.read_rule,
        read_limit=manifest.read_limit,
        reference_left=left,
        reference_width=width,
    )
    records = Records()
    # Two hundred sites without reads are quick; half of that with.
    Calls(str(DATA / "calls.vcf.gz"), annotations=manifest.annotations).read(
        records, 40 if kind == "reads" else 200
    )
    batch = WindowReader(options).read(records.sites())
    write_batch(path, batch)
    scores = engine.score(batch)
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > len(batch) / 2
    return Case(model, batch, path, scores.tobytes())


@pytest.fixture(scope="session")
def cases(tiny: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """One case for each encoding."""
    folder = tmp_path_factory.mktemp("batches")
    return {kind: make_case(kind, model, folder / kind) for kind, model in tiny.items()}


@pytest.fixture(params=["reference", "reads"])
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


# ---- a program without Python ----


@pytest.mark.parametrize("command", ["score", "submit", "threads", "reopen"])
def test_scores_are_the_engines_to_the_bit(
    host: Host, case: Case, command: str, tmp_path: Path
) -> None:
    host(command, case.model, case.file, tmp_path / "scores")
    assert (tmp_path / "scores").read_bytes() == case.scores


@pytest.mark.parametrize("command", ["score", "submit", "threads", "reopen", "leave"])
def test_a_server_instead_of_a_network(
    host: Host, cases: dict[str, Case], servers: dict[str, Server], command: str, tmp_path: Path
) -> None:
    case = cases["reads"]
    host(command, servers["reads"].address, case.file, tmp_path / "scores")
    if command != "leave":
        assert (tmp_path / "scores").read_bytes() == case.scores


def test_a_server_that_is_gone(host: Host, cases: dict[str, Case], tmp_path: Path) -> None:
    said = host("open", f"unix:{tmp_path}/gone").stdout
    assert re.match(rf"{SERVER} no answer from the server at unix:\S+gone .*cnnscore serve", said)


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
        "no python at all": Path("/bin/true"),
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
        ("no python at all", "No module named 'cnnscore'"),
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


@pytest.mark.skipif(
    not os.environ.get("CNNSCORE_VALGRIND"), reason="CNNSCORE_VALGRIND=1 asks: 20 s"
)
def test_score_one_under_valgrind(library: Path, tiny: dict[str, str], tmp_path: Path) -> None:
    """No error anywhere but in the two places of valgrind.supp, and nothing lost."""
    program = example(library, tmp_path / "score_one")
    valgrind = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full"]
    valgrind += ["--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"]
    valgrind.append(f"--suppressions={HERE / 'valgrind.supp'}")
    command = [*valgrind, str(program), tiny["reads"]]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


# ---- a program that runs Python: this one ----


class Library:
    """The C ABI as cffi reads it off the header, without any of cnnscore's own Python."""

    def __init__(self, path: Path) -> None:
        text = (NATIVE / "include" / "cnnscore.h").read_text()
        self.ffi = FFI()
        for part in re.findall(r"/\* cdef begin.*?\*/(.*?)/\* cdef end.*?\*/", text, re.DOTALL):
            self.ffi.cdef(part)
        self.lib = self.ffi.dlopen(str(path), self.ffi.RTLD_NOW | self.ffi.RTLD_GLOBAL)
        self.error = self.ffi.new("cnnscore_error *")

    def options(self, model: str | None, **changes: Any) -> Any:
        options = self.ffi.new("cnnscore_engine_options *")
        options.struct_size = self.ffi.sizeof("cnnscore_engine_options")
        options.abi_version = self.lib.CNNSCORE_ABI_VERSION
        self.model = self.ffi.NULL if model is None else self.ffi.new("char[]", os.fsencode(model))
        self.provider = self.ffi.new("char[]", changes.pop("provider", "cpu").encode())
        options.model, options.provider = self.model, self.provider
        for name, value in changes.items():
            setattr(options, name, value)
        return options

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


@pytest.fixture(scope="module")
def inside(library: Path) -> Library:
    return Library(library)


@pytest.fixture
def engine(inside: Library, case: Case) -> Iterator[Any]:
    opened = inside.open(case.model, threads=2)
    yield opened
    inside.lib.cnnscore_engine_close(opened)


def test_a_host_with_python_of_its_own(inside: Library, engine: Any, case: Case) -> None:
    assert inside.score(engine, inside.batch(case.batch), len(case.batch)) == case.scores


def test_a_host_that_loads_with_ctypes(library: Path, cases: dict[str, Case]) -> None:
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
    options = Options(ctypes.sizeof(Options), 1, {cases["reads"].model.encode()!r}, b"cpu")
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
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")


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


def test_null_pointers(inside: Library, engine: Any, case: Case) -> None:
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


def test_tickets(inside: Library, engine: Any, case: Case) -> None:
    lib = inside.lib
    ticket = inside.ffi.new("uint64_t *")
    batch = inside.batch(case.batch)
    scores = np.zeros(len(case.batch), np.float32)
    target = inside.ffi.cast("float *", scores.ctypes.data)
    assert lib.cnnscore_engine_collect(engine, 12345, inside.error) == USAGE
    assert inside.message() == "ticket 12345 was never given, or is collected already"
    assert lib.cnnscore_engine_submit(engine, batch, target, ticket, inside.error) == OK
    assert lib.cnnscore_engine_collect(engine, ticket[0], inside.error) == OK
    assert scores.tobytes() == case.scores
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


def test_an_empty_batch(inside: Library, engine: Any, case: Case) -> None:
    lib, null, ticket = inside.lib, inside.ffi.NULL, inside.ffi.new("uint64_t *")
    lost = inside.ffi.cast("int64_t *", 8)  # of an empty batch, no column is looked at
    for lies in ({}, {"site_allele": null, "site_read": null}, {"site_allele": lost}):
        empty = inside.batch(case.batch, n_sites=0, **lies)
        assert lib.cnnscore_engine_score(engine, empty, null, inside.error) == OK
        assert lib.cnnscore_engine_submit(engine, empty, null, ticket, inside.error) == OK
        assert lib.cnnscore_engine_collect(engine, ticket[0], inside.error) == OK


@pytest.fixture
def allele_case(stand_ins: dict[str, str], tmp_path: Path) -> Case:
    """A network that scores alleles, of which every third site has two; `scores` are theirs."""
    case = make_case("reference", stand_ins["reference"], tmp_path / "alleles")
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
    return replace(case, batch=batch, scores=scores.tobytes())


def test_a_score_for_each_allele(inside: Library, allele_case: Case) -> None:
    batch, wanted = allele_case.batch, np.frombuffer(allele_case.scores, np.float32)
    engine = inside.open(allele_case.model)
    assert inside.score_alleles(engine, inside.batch(batch), len(wanted)) == allele_case.scores
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
    inside: Library, cases: dict[str, Case], allele_case: Case
) -> None:
    """NaN once the batch is found sound, untouched where it is not: nobody knows how many."""
    null, batch, of_records = inside.ffi.NULL, allele_case.batch, cases["reference"]
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


def test_a_closed_engine_is_told(inside: Library, tiny: dict[str, str], case: Case) -> None:
    engine = inside.open(tiny["reads"])
    inside.lib.cnnscore_engine_close(engine)
    inside.lib.cnnscore_engine_close(engine)
    with pytest.raises(Refused) as refused:
        inside.score(engine, inside.batch(case.batch), len(case.batch))
    assert refused.value.args == (USAGE, "this is no engine, or it is closed", True)


def test_two_engines(inside: Library, cases: dict[str, Case]) -> None:
    engines = {kind: inside.open(case.model) for kind, case in cases.items()}
    for kind, case in [*cases.items(), *cases.items()]:
        struct = inside.batch(case.batch)
        assert inside.score(engines[kind], struct, len(case.batch)) == case.scores
    inside.lib.cnnscore_engine_close(engines["reads"])
    case = cases["reference"]
    assert inside.score(engines["reference"], inside.batch(case.batch), len(case.batch)) == (
        case.scores
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
        ({"n_annotations": 6}, "6 annotations a site where"),
        ({"reference": None}, "the reference is missing"),
        ({"site_read": None}, "the reads are missing"),
        ({"contig_names": None}, "contig names or lengths are missing"),
    ],
)
def test_lying_batches(
    inside: Library, engine: Any, case: Case, lies: dict[str, Any], words: str
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
    inside: Library, engine: Any, cases: dict[str, Case], case: Case, column: str, lie: int
) -> None:
    changed = getattr(cases["reads"].batch, column).copy()
    changed[3] = lie
    with pytest.raises(Refused, match="out of range") as refused:
        inside.score(
            engine,
            inside.batch(replace(cases["reads"].batch, **{column: changed})),
            len(cases["reads"].batch),
        )
    assert refused.value.args[0] == BATCH
    assert refused.value.args[2]


def test_more_reads_than_the_network_takes(inside: Library, cases: dict[str, Case]) -> None:
    """The reads of a site a hundred times over."""
    batch = cases["reads"].batch
    n_reads = int(batch.site_read[1])
    sizes = np.tile(np.diff(batch.read_offset[: n_reads + 1]), 100)
    deep = replace(
        batch,
        site_read=np.concatenate([[0], np.full(len(batch), n_reads * 100)]),
        read_offset=np.concatenate([[0], np.cumsum(sizes)]),
        reads=np.tile(batch.reads[: batch.read_offset[n_reads]], 100),
    )
    engine = inside.open(cases["reads"].model)
    with pytest.raises(Refused) as refused:
        inside.score(engine, inside.batch(deep), len(deep))
    inside.lib.cnnscore_engine_close(engine)
    place = batch.place(0)
    assert refused.value.args[0] == BATCH
    assert f"{n_reads * 100} reads at {place} where" in refused.value.args[1]


def test_messages_go_to_the_hosts_log(
    inside: Library, tiny: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    heard = []

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]
    def listen(data: Any, level: int, message: Any) -> None:
        heard.append((int(inside.ffi.cast("intptr_t", data)), level, inside.ffi.string(message)))

    data = inside.ffi.cast("void *", 42)
    engine = inside.open(tiny["reads"], log=listen, log_data=data)
    logging.getLogger("cnnscore").warning("a näive word")
    inside.lib.cnnscore_engine_close(engine)
    logging.getLogger("cnnscore").warning("too late")
    assert heard == [(42, 30, "a näive word".encode())]
    assert capfd.readouterr().err == ""
