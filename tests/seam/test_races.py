"""Many threads at once. tests/native/tsan.sh runs these under ThreadSanitizer (CNNSCORE_TSAN).

Python, ONNX Runtime and htslib are not instrumented. What is seen: each access of our own C code
and of its hosts, and each lock of anybody's. Races between two accesses of foreign code are not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from conftest import DATA
from seam.conftest import HERE, Case, build_program

FOLDER = Path(os.environ.get("CNNSCORE_TSAN", ""))
FLAGS = ["-fsanitize=thread"]
needs_tsan = pytest.mark.skipif("CNNSCORE_TSAN" not in os.environ, reason="`make tsan` runs it")

Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program under ThreadSanitizer, which must say nothing; nor may the program fail."""
    # Without the first, Python's own reads and writes that libc does for it count as races.
    options = f"ignore_noninstrumented_modules=1:exitcode=66:log_path={tmp_path}/report"

    def run(*command: object, preload: bool = False, **env: str) -> None:
        env |= {"TSAN_OPTIONS": options}
        if preload:
            found = subprocess.run(
                ["cc", "-print-file-name=libtsan.so"], capture_output=True, text=True, check=True
            )
            env["LD_PRELOAD"] = found.stdout.strip()
        done = subprocess.run(
            list(map(str, command)),
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = "".join(path.read_text() for path in tmp_path.glob("report*"))
        assert (done.returncode, said) == (0, ""), f"{said}{done.stderr}"

    return run


def library_of(library: Path) -> Path:
    """The one that is instrumented, if there is one."""
    return FOLDER / "lib" / "libcnnscore.so" if "CNNSCORE_TSAN" in os.environ else library


@needs_tsan
def test_a_race_is_seen(run: Run, tmp_path: Path) -> None:
    """What is shown below would be shown in vain, were races not seen at all."""
    source = tmp_path / "race.c"
    source.write_text(
        "#include <pthread.h>\n#include <stddef.h>\nstatic int n;\n"
        "static void *add(void *unused) { n++; return unused; }\n"
        "int main(void) { pthread_t t; pthread_create(&t, NULL, add, NULL); n++;\n"
        "    return pthread_join(t, NULL); }\n"
    )
    with pytest.raises(AssertionError, match="data race"):
        run(build_program(source, tmp_path / "race", *FLAGS))


@needs_tsan
@pytest.mark.parametrize("command", ["threads", "submit", "storm", "leave"])
def test_a_host_in_c(
    run: Run, cases: dict[str, Case], command: str, tmp_path: Path, library: Path
) -> None:
    case, scores = cases["reads"], tmp_path / "scores"
    program = build_program(HERE / "host.c", tmp_path / "host", *FLAGS)
    run(program, library_of(library), command, case.model, case.file, scores)
    if command != "leave":
        assert scores.read_bytes() == case.scores


def test_a_host_in_python(run: Run, cases: dict[str, Case], tmp_path: Path, library: Path) -> None:
    case, scores = cases["reads"], tmp_path / "scores"
    arguments = (library_of(library), case.model, case.file, scores)
    preload = "CNNSCORE_TSAN" in os.environ
    run(sys.executable, HERE / "ctypes_host.py", *arguments, preload=preload)
    assert scores.read_bytes() == case.scores


@pytest.fixture(scope="session")
def three_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The reads of DATA, by turns in one of three files."""
    folder = tmp_path_factory.mktemp("reads")
    paths = [folder / f"{i}.bam" for i in range(3)]
    with pysam.AlignmentFile(str(DATA / "reads.bam")) as whole:
        files = [pysam.AlignmentFile(str(path), "wb", template=whole) for path in paths]
        for i, read in enumerate(whole):
            files[i % 3].write(read)
        for file in files:
            file.close()
    for path in paths:
        pysam.index(str(path))
    return paths


def of_reads(files: list[Path], option: str) -> list[object]:
    return [word for path in files for word in (option, path)]


@needs_tsan
@pytest.mark.parametrize("more", [[], ["--downsampling", "gatk"], ["-r", "synA:3000-30000"]])
def test_the_plugin(
    run: Run, three_files: list[Path], tiny: dict[str, str], tmp_path: Path, more: list[str]
) -> None:
    """The queue between the thread that reads and writes and those that score; readers at once."""
    files = ("-f", DATA / "ref.fa", *of_reads(three_files, "-b"), DATA / "calls.vcf.gz")
    options = ("-m", tiny["reads"], "-B", "8", "--threads", "4", "--no-version", *more)
    run(
        *("bcftools", "+cnnscore", *files, *options, "-Ob", "-o", tmp_path / "out.bcf", "-W"),
        preload=True,
        BCFTOOLS_PLUGINS=str(FOLDER / "plugins"),
        CNNSCORE_LIBRARY="",
    )
    assert (tmp_path / "out.bcf").stat().st_size > 1000


@needs_tsan
@pytest.mark.parametrize("model", ["reads", "read-set"])
def test_the_command(
    run: Run,
    three_files: list[Path],
    tiny: dict[str, str],
    stand_ins: dict[str, str],
    tmp_path: Path,
    model: str,
) -> None:
    """Its workers, each with a reader of its own."""
    arguments = (
        "score",
        DATA / "calls.vcf.gz",
        "-R",
        DATA / "ref.fa",
        *of_reads(three_files, "-I"),
    )
    program = (
        "import sys, cnnscore._window as window\n"
        f"assert window.__file__.startswith({str(FOLDER.absolute())!r}), window.__file__\n"
        "from cnnscore.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    network = (tiny | stand_ins)[model]
    run(
        *(sys.executable, "-c", program, *arguments, "-m", network, "--threads", "4"),
        *("-o", tmp_path / "out.vcf.gz", "-W"),
        preload=True,
        PYTHONPATH=str((FOLDER / "site").absolute()),
    )
    assert (tmp_path / "out.vcf.gz").stat().st_size > 1000
