"""What README and docs show runs as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import DATA, TESTS, run_cli

ROOT = TESTS.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_python_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "tests").symlink_to(TESTS)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert "294 of 294 sites scored" in capsys.readouterr().out
    assert (tmp_path / "scored.vcf.gz").exists()


@pytest.mark.parametrize(
    "command", ["score", "filter", "evaluate", "report", "view", "dataset", "train", "serve"]
)
def test_options_in_the_documents_exist(command: str) -> None:
    text = run_cli(command, "--help").out
    lines = rf"cnnscore {command} [^`\n]*(?:\\\n[^`\n]*)*"
    for document in DOCUMENTS:
        for line in re.findall(lines, document.read_text()):
            shown = line.split("|")[0].split("#")[0].split(">")[0]
            for option in re.findall(r"(?<=\s)--?[a-zA-Z][\w-]*", shown):
                assert re.search(rf"{option}\b", text), f"{document.name}: {option} in {line!r}"


def test_links_lead_somewhere() -> None:
    for document in [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


# ---- the commands, as they stand ----

# What the documents call the files of a sample; contigs and sample get the names that they use.
NAMES = (("synA", "chr1"), ("synB", "chr20"), ("SYN1", "NA12878"))
CALLS = ("calls.vcf.gz", "other.vcf.gz", "calls.bcf", "calls.vcf")
TRUTHS = ("truth.vcf.gz", "hapmap.vcf.gz", "mills.vcf.gz", "known.vcf.gz")
READS = ("sample.bam", "reads.bam", "other.bam", "a.bam", "b.cram")
# Tools that have tests of their own (tests/gatk), or that this is no test of.
NOT_RUN = ("make ", "mvn ", "java ", "gatk ", "pip ", "export ", "freebayes ")
# Of trainings that differ in their seed alone one stands for all.
SEEDS = r"for seed in 1 2 3; do (.*); done"
FIRST_SEED = r"seed=1; \1; for seed in 2 3; do cp -r seed1 seed$seed; done"
# A training of seconds.
QUICK = "--set training.steps=8 --set training.batch=32 --set training.evaluate_every=4"
QUICK_SETTINGS = '"training.steps": 8, "training.batch": 32, "training.evaluate_every": 4'


def renamed(command: str, target: Path) -> None:
    """Write what a shell command prints, as text, with the documents' names."""
    edits = " ".join(f"-e s/{old}/{new}/g" for old, new in NAMES)
    folder = target.parent
    writers = {
        ".vcf.gz": f"bcftools view -Oz -o {target} && bcftools index {target}",
        ".vcf": f"cat >{target}",
        ".bcf": f"bcftools view -Ob -o {target} && bcftools index {target}",
        ".bam": f"samtools view -b -o {target} - && samtools index {target}",
        ".cram": f"samtools view -CT {folder}/ref.fa -o {target} - && samtools index {target}",
        ".fa": f"cat >{target} && samtools faidx {target}",
    }
    (writer,) = (text for suffix, text in writers.items() if target.name.endswith(suffix))
    line = f"set -o pipefail; {command} | sed {edits} | {writer}"
    subprocess.run(["bash", "-c", line], check=True, timeout=300)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic data under the names that the documents use."""
    folder = tmp_path_factory.mktemp("sample")
    renamed(f"cat {DATA}/ref.fa", folder / "ref.fa")
    for name in CALLS:
        renamed(f"bcftools view {DATA}/calls.vcf.gz", folder / name)
    for name in TRUTHS:
        renamed(f"bcftools view {DATA}/truth.vcf.gz", folder / name)
    for name in READS:  # no read is in both a.bam and b.cram
        half = {"a.bam": "-F 0x10", "b.cram": "-f 0x10"}.get(name, "")
        renamed(f"samtools view -h {half} {DATA}/reads.bam", folder / name)
    # A second sample, of whom cohorts are made.
    another = "sed s/SYN1/NA12891/"
    renamed(f"bcftools view {DATA}/calls.vcf.gz | {another}", folder / "NA12891.vcf.gz")
    renamed(f"samtools view -h {DATA}/reads.bam | {another}", folder / "NA12891.bam")
    for name in ("truth.bed", "confident.bed"):
        (folder / name).write_text("chr1\t0\t40000\nchr20\t0\t12000\n")
    calls, reference = folder / "calls.vcf.gz", folder / "ref.fa"
    scored = run_cli("score", calls, "-R", reference, "-o", folder / "scored.vcf.gz", "-W")
    assert scored.code == 0, scored.err
    return folder


def commands(document: Path) -> list[str]:
    """The shell commands of a document, in order; what a trailing \\ or | continues is one."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", document.read_text(), re.DOTALL | re.MULTILINE)
    text = re.sub(r"(\\|(\|))[ \t]*\n\s*", r"\2 ", "".join(blocks))
    return [line.strip() for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]


def script_of(lines: list[str]) -> str:
    """A script of them that stops at the first fault, and waits for a server that it starts."""
    script = ["set -euo pipefail"]
    for line in lines:
        plain = re.sub(SEEDS, FIRST_SEED, re.sub(r"\s+#.*", "", line))
        plain = re.sub(r"(cnnscore train [^;]*)", rf"\1 {QUICK}", plain)
        plain = plain.replace("unix:/tmp/", "unix:")
        if plain.endswith("&"):
            plain += " trap 'kill $!' EXIT; until [ -S cnnscore.sock ]; do sleep .1; done"
        script.append(plain)
    return "\n".join(script)


def ours(document: Path) -> list[str]:
    """Its commands that run here."""
    return [line for line in commands(document) if not line.startswith(NOT_RUN)]


RUN = [path for path in DOCUMENTS if ours(path)]


def test_the_commands_are_found() -> None:
    assert "cnnscore filter scored.vcf.gz -o filtered.vcf.gz -W" in ours(ROOT / "README.md")
    assert len(RUN) >= 6


@pytest.mark.parametrize("document", RUN, ids=lambda path: path.name)
def test_commands_run(document: Path, sample: Path, tmp_path: Path) -> None:
    """Every command of ours in the documents runs to its end, on a sample of its own."""
    text = script_of(ours(document))
    models = tmp_path / "models"
    if "gatk-" in text:
        folder = os.environ.get("CNNSCORE_MODELS")
        if not folder:
            pytest.skip("needs GATK's networks: run by `make test`, not by `make test-core`")
        shutil.copytree(folder, models)
        jar = os.environ.get("CNNSCORE_GATK_JAR")
        if "gatk-4.6.0.0.jar" in text:
            if not jar:
                pytest.skip("needs GATK's jar: run by `make test`, not by `make test-core`")
            (tmp_path / "gatk-4.6.0.0.jar").symlink_to(jar)
    if "cnnscore dataset" in text:
        pytest.importorskip("torch", reason="needs PyTorch: run by `make test`")
    for path in sample.iterdir():
        shutil.copy2(path, tmp_path)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CNNSCORE_MODELS": str(models),
        "BCFTOOLS_PLUGINS": os.environ.get("CNNSCORE_PLUGIN_DIR", ""),
    }
    run = subprocess.run(
        ["bash", "-x", "-c", text],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, f"{run.stderr[-3000:]}\n{text}"


@pytest.mark.parametrize("document", [ROOT / "docs/tasks/python.md"], ids=lambda path: path.name)
def test_python_runs(document: Path, sample: Path, tmp_path: Path) -> None:
    """The Python of a document, one block after another, on a sample of its own."""
    pytest.importorskip("torch", reason="needs PyTorch: run by `make test`")
    text = document.read_text().replace('"training.steps": 500', QUICK_SETTINGS)
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    for path in sample.iterdir():
        shutil.copy2(path, tmp_path)
    (tmp_path / "scored.vcf.gz").unlink()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert (tmp_path / "scored.vcf.gz").exists()


# ---- what stands in two places ----


def test_the_accuracy_is_that_of_the_card() -> None:
    card = (ROOT / "python/cnnscore/models/reads.md").read_text()
    readme = (ROOT / "README.md").read_text()
    columns = [
        name.strip() for name in re.findall(r"^\| set \|.*", card, re.MULTILINE)[0].split("|")
    ]
    for kind in ("SNP", "INDEL"):
        (row,) = re.findall(rf"^\| simulated, all families \| {kind} \|.*", card, re.MULTILINE)
        cells = dict(zip(columns, (cell.strip() for cell in row.split("|")), strict=True))
        true, false = cells["true ; false"].split(" ; ")
        figures = [cells[name].split()[0] for name in ("reads", "gatk-2d", "QD")]
        name = "SNPs" if kind == "SNP" else "indels"
        assert f"| {name}, {true} true and {false} false | {' | '.join(figures)} |" in readme


def test_the_citation_names_this_version() -> None:
    from cnnscore.version import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_hook_downloads_nothing() -> None:
    """.pre-commit-config.yaml runs `make lint`, and has no other source of hooks."""
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (.*)", text) == ["local"]
    assert re.findall(r"entry: (.*)", text) == ["make lint"]
