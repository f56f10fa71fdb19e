"""plugin/workflows in their engines: the records are those of one process."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from conftest import DATA, TESTS, run_cli

ROOT = TESTS.parent
WORKFLOWS = ROOT / "plugin" / "workflows"
ENGINES = Path(os.environ.get("CNNSCORE_ENGINES", ROOT / ".make" / "engines" / "bin"))
NEXTFLOW = Path(os.environ.get("CNNSCORE_NEXTFLOW", ROOT / ".make" / "nextflow"))
N = 2


def engine(name: str) -> str:
    path = ENGINES / name
    if not path.exists():
        pytest.skip(f"no {path}: run by `make test`")
    return str(path)


def run(folder: Path, *command: object, **environment: str) -> str:
    """What an engine prints. It finds the command first in PATH, and writes into `folder` alone."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    values = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / ".cache"), "PATH": path}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **values, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What one process writes: scored, filtered, and both without reads."""
    folder = tmp_path_factory.mktemp("wanted")
    made: dict[str, list[str]] = {}
    for name, reads in (("", ("-I", DATA / "reads.bam")), ("bare-", ())):
        scored, filtered = folder / f"{name}scored.vcf.gz", folder / f"{name}filtered.vcf.gz"
        calls = ("score", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", *reads)
        assert run_cli(*calls, "-o", scored).code == 0
        assert run_cli("filter", scored, "-o", filtered).code == 0
        made |= {f"{name}scored": lines(scored), f"{name}filtered": lines(filtered)}
    return made


def lines(path: Path) -> list[str]:
    """All but the lines that tell of commands and versions."""
    text = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [line for line in text if "Command=" not in line and "Version=" not in line]


def check(scored: Path, filtered: Path, wanted: dict[str, list[str]], name: str = "") -> None:
    """Equal to one process, in shards (the gathering is in the header), with indexes."""
    assert lines(scored) == wanted[f"{name}scored"]
    assert lines(filtered) == wanted[f"{name}filtered"]
    assert b"##cnnscore_gatherCommand=" in gzip.decompress(scored.read_bytes())
    for path in (scored, filtered):
        index = path.with_name(f"{path.name}.tbi")
        if not index.exists():  # miniwdl has each output in a folder of its own
            index = path.parents[1] / f"{path.name.partition('.')[0]}_index" / index.name
        with pysam.VariantFile(str(path), index_filename=str(index)) as opened:
            assert len(list(opened.fetch("synB"))) == 62


def test_snakemake(wanted: dict[str, list[str]], tmp_path: Path) -> None:
    snakemake = engine("snakemake")
    calls, reads = DATA / "calls.vcf.gz", DATA / "reads.bam"
    table = f"sample\tcalls\treads\nSYN1\t{calls}\t{reads}\nbare one\t{calls}\t\n"
    (tmp_path / "samples.tsv").write_text(table)
    settings = ("samples=samples.tsv", f"reference={DATA}/ref.fa", f"shards={N}", "threads=1")
    command = (snakemake, "-s", WORKFLOWS / "snakemake" / "Snakefile", "-c", 2)
    run(tmp_path, *command, "--scheduler", "greedy", "--config", *settings)
    for sample, name in (("SYN1", ""), ("bare one", "bare-")):
        scored, filtered = (tmp_path / f"{sample}.{w}.vcf.gz" for w in ("scored", "filtered"))
        check(scored, filtered, wanted, name)
    assert not list((tmp_path / "shards").glob("*.vcf.gz"))


def test_cwl(wanted: dict[str, list[str]], tmp_path: Path) -> None:
    cwltool = engine("cwltool")
    files = {"calls": "calls.vcf.gz", "reference": "ref.fa"}
    inputs: dict[str, object] = {
        name: {"class": "File", "path": str(DATA / file)} for name, file in files.items()
    }
    inputs |= {"reads": [{"class": "File", "path": f"{DATA}/reads.bam"}], "shards": N}
    (tmp_path / "inputs.json").write_text(json.dumps(inputs))
    workflow = WORKFLOWS / "cwl" / "cnnscore.cwl"
    run(tmp_path, cwltool, "--no-container", "--parallel", workflow, "inputs.json")
    check(tmp_path / "scored.vcf.gz", tmp_path / "filtered.vcf.gz", wanted)


def test_wdl(wanted: dict[str, list[str]], tmp_path: Path) -> None:
    miniwdl = engine("miniwdl")
    workflow = WORKFLOWS / "wdl" / "cnnscore.wdl"
    run(tmp_path, miniwdl, "check", "--strict", "--no-shellcheck", workflow)
    inputs = {
        "calls": f"{DATA}/calls.vcf.gz",
        "calls_index": f"{DATA}/calls.vcf.gz.tbi",
        "reference": f"{DATA}/ref.fa",
        "reference_index": f"{DATA}/ref.fa.fai",
        "reads": [f"{DATA}/reads.bam"],
        "reads_indexes": [f"{DATA}/reads.bam.bai"],
        "shards": N,
    }
    (tmp_path / "inputs.json").write_text(json.dumps(inputs))
    plugin = tmp_path / "plugin"
    (plugin / "local_tasks-1.dist-info").mkdir(parents=True)
    shutil.copy(TESTS / "workflows" / "local_tasks.py", plugin)
    told = {
        "METADATA": "Metadata-Version: 2.1\nName: local-tasks\nVersion: 1\n",
        "entry_points.txt": "[miniwdl.plugin.container_backend]\n"
        "local_tasks = local_tasks:LocalTasks\n",
    }
    for name, text in told.items():
        (plugin / "local_tasks-1.dist-info" / name).write_text(text)
    run(
        tmp_path,
        *(miniwdl, "run", workflow, "-i", "inputs.json", "-d", f"{tmp_path}/out/."),
        PYTHONPATH=str(plugin),
        MINIWDL__SCHEDULER__CONTAINER_BACKEND="local_tasks",
    )
    made = json.loads((tmp_path / "out" / "outputs.json").read_text())
    check(Path(made["CnnScore.scored"]), Path(made["CnnScore.filtered"]), wanted)


def test_nextflow(wanted: dict[str, list[str]], tmp_path: Path) -> None:
    """Two samples, one without reads. Maven Central has Nextflow 23.10 whole, and no newer one: it
    has no `eval`, so that each module's line of its version is left out.
    """
    if not (NEXTFLOW / "ready").exists():
        pytest.skip(f"no {NEXTFLOW}/ready: run by `make test`")
    for name in ("nextflow", "nf-core"):
        shutil.copytree(WORKFLOWS / name, tmp_path / name)
    for module in (tmp_path / "nf-core").glob("*/main.nf"):
        kept = [line for line in module.read_text().splitlines() if "eval(" not in line]
        module.write_text("\n".join(kept) + "\n")
    calls = f"file('{DATA}/calls.vcf.gz'), file('{DATA}/calls.vcf.gz.tbi')"
    reads = f"[ file('{DATA}/reads.bam') ], [ file('{DATA}/reads.bam.bai') ]"
    (tmp_path / "main.nf").write_text(
        f"""
include {{ VCF_SCORE_FILTER_CNNSCORE }} from './nextflow/main'

workflow {{
    VCF_SCORE_FILTER_CNNSCORE(
        Channel.of(
            [ [ id:'SYN1' ], {calls}, {reads} ],
            [ [ id:'bare' ], {calls}, [], [] ],
        ),
        [ [ id:'ref' ], file('{DATA}/ref.fa') ],
        [ [ id:'ref' ], file('{DATA}/ref.fa.fai') ],
        [], [], []
    )
}}
"""
    )
    (tmp_path / "nextflow.config").write_text(
        f"""
includeConfig 'nextflow/nextflow.config'
process {{
    withName: '.*:CNNSCORE_SHARDS' {{ ext.args = '-n {N}' }}
    withName: '.*:CNNSCORE_(GATHER|FILTER)' {{ publishDir = 'results' }}
}}
"""
    )
    command = ("java", "-cp", f"{NEXTFLOW}/*", "nextflow.cli.Launcher", "run", "main.nf")
    quiet = {"NXF_OFFLINE": "true", "NXF_PLUGINS_DEFAULT": "false", "NXF_ANSI_LOG": "false"}
    run(tmp_path, *command, NXF_HOME=str(tmp_path / "home"), **quiet)
    for sample, name in (("SYN1", ""), ("bare", "bare-")):
        scored, filtered = (
            tmp_path / "results" / f"{sample}.{what}.vcf.gz" for what in ("scored", "filtered")
        )
        check(scored, filtered, wanted, name)
