"""What is ended by signals: a command line for each kind of output, in two generations.

What the two write differs, so that an output tells which of the two it is of.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import onnx
import pysam

from cnnscore.network.manifest import MANIFEST_KEY
from conftest import DATA
from hosts.gatk import ENGINE, Gatk
from hosts.plugin import environment

Arguments = Callable[[Path, Path, bool], Sequence[object]]
"""Folder of outputs, folder for temporary files, whether it is the earlier run -> a command."""


@dataclass(frozen=True)
class Subject:
    """A command line, and what it writes."""

    name: str
    arguments: Arguments
    outputs: tuple[str, ...]
    seal: str = ""
    """The output that is there only when all of the others are there and of the same run."""
    last: str = ""
    """An output that takes its name after all of them."""
    folder: str = ""
    """That appears as a whole."""
    beside: tuple[str, ...] = ()
    """What a run writes while it goes on, for people and for a run that goes on from there: always
    whole, and there also when it is ended."""
    held: tuple[str, ...] = ()
    """Names of what it works with in the folder of its outputs."""
    clears: bool = False
    """It takes away what was there before, as its first step."""
    ignores: tuple[int, ...] = ()
    """Signals that pass it by."""
    hosted: bool = False
    """By a program with temporary files of its own."""
    variables: Mapping[str, str] = field(default_factory=dict)

    def command(self, out: Path, tmp: Path, generation: str) -> list[str]:
        """The command line of a run, of the generation `before` or `made`."""
        return [str(word) for word in self.arguments(out, tmp, generation == "before")]

    def environment(self) -> dict[str, str]:
        """The variables of a run."""
        return {**os.environ, **self.variables}

    def asides(self) -> list[str]:
        """Names of what stands aside while it is not whole."""
        return [Path(name).name for name in (*self.outputs, *self.beside, self.folder) if name]

    def is_ours(self, name: str) -> bool:
        """Whether a temporary file is ours, not the host's."""
        return not self.hosted or "cnnscore" in name

    def identity(self, path: Path) -> str:
        """What tells it from that of another run. Errors: ValueError: it is not whole."""
        suffix = path.suffix
        try:
            if suffix in (".tbi", ".csi"):
                return _index(path)
            return _READERS.get(suffix, _digest)(path)
        except (OSError, EOFError, ValueError, KeyError, RuntimeError) as error:
            raise ValueError(f"{path.name} is not whole: {error!r}") from None


# ---- outputs ----


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _records(path: Path) -> str:
    """All but what a header says of when and how."""
    if path.suffix == ".gz" and not path.read_bytes().endswith(_END_OF_BGZF):
        raise ValueError("it lacks the last block")
    with pysam.VariantFile(str(path)) as file:
        return hashlib.sha256("".join(map(str, file)).encode()).hexdigest()


_END_OF_BGZF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def _index(path: Path) -> str:
    """Its calls', if it finds all of them."""
    calls = path.with_suffix("")
    with pysam.VariantFile(str(calls), index_filename=str(path)) as file:
        found = "".join(
            str(record) for name in map(str, file.header.contigs) for record in file.fetch(name)
        )
    return hashlib.sha256(found.encode()).hexdigest()


def _page(path: Path) -> str:
    text = path.read_text()
    if not text.rstrip().endswith("</html>"):
        raise ValueError("the page has no end")
    title = re.search("<title>(.*)</title>", text)
    return f"{title and title[1]}, {text.count('<script')}"


def _json(path: Path) -> str:
    found = json.loads(path.read_text())
    for key in ("date", "command"):
        found.pop(key, None)
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _picture(path: Path) -> str:
    if not path.read_bytes().endswith(b"IEND\xaeB`\x82"):
        raise ValueError("the picture has no end")
    return "a picture"


def _log(path: Path) -> str:
    lines = path.read_text()
    if not lines.endswith("\n") or len({line.count(",") for line in lines.splitlines()}) != 1:
        raise ValueError("its last line is not whole")
    return lines.partition("\n")[0]


def _network(path: Path) -> str:
    manifest = {item.key: item.value for item in onnx.load(path).metadata_props}[MANIFEST_KEY]
    return str(json.loads(manifest)["training"]["configuration"]["training"]["seed"])


def _card(path: Path) -> str:
    text = path.read_text()
    seed = re.search(r"seed\D*(\d+)", text)
    if not (seed and text.endswith("\n")):
        raise ValueError(f"no seed: {text}")
    return seed[1]


_READERS: dict[str, Callable[[Path], str]] = {
    ".vcf": _records,
    ".gz": _records,
    ".bcf": _records,
    ".html": _page,
    ".json": _json,
    ".onnx": _network,
    ".md": _card,
    ".png": _picture,
    ".csv": _log,
    ".toml": lambda path: str(tomllib.loads(path.read_text())),
    ".pt": lambda path: str(zipfile.ZipFile(path).testzip()),
}


# ---- command lines ----


FEW = DATA / "calls.vcf.gz"
REFERENCE = ("-R", DATA / "ref.fa")
READS = ("-I", DATA / "reads.bam")
TRUTH = ("--truth", DATA / "truth.vcf.gz")
CNNSCORE = (sys.executable, "-m", "cnnscore")


def subjects(folder: Path, gatk: Gatk | None = None) -> dict[str, Subject]:
    """All subjects (the walker's with a `gatk`, `train` with its extra); what they read is made in
    `folder`."""
    found = [*_scoring(_many(folder / "many.vcf", 10)), *_after_scoring(folder), *_learning(folder)]
    if gatk:
        found.append(_walker(gatk))
    return {subject.name: subject for subject in found}


def _scoring(many: Path) -> Iterator[Subject]:
    def score(name: str, *more: object, calls: Path = many, model: str = "reference") -> Arguments:
        def arguments(out: Path, _: Path, earlier: bool) -> Sequence[object]:
            key = ("--info-key", "THE_EARLIER_RUN") if earlier else ()
            common = (calls, *REFERENCE, "-m", model, "-o", out / name, "--quiet", *more)
            return (*CNNSCORE, "score", *common, *key)

        return arguments

    def plugin(name: str, *more: object) -> Arguments:
        def arguments(out: Path, _: Path, earlier: bool) -> Sequence[object]:
            key = ("-k", "THE_EARLIER_RUN") if earlier else ()
            common = (many, "-f", DATA / "ref.fa", "-m", "reference", "-o", out / name, *more)
            return ("bcftools", "+cnnscore", *common, *key)

        return arguments

    yield Subject("score", score("s.vcf"), ("s.vcf",))
    yield Subject(
        "score-index", score("s.vcf.gz", "-W=tbi"), ("s.vcf.gz", "s.vcf.gz.tbi"), "s.vcf.gz.tbi"
    )
    yield Subject(
        "score-reads",
        score("s.bcf", "-W", *READS, calls=FEW, model="reads"),
        ("s.bcf", "s.bcf.csi"),
        "s.bcf.csi",
    )
    yield Subject("plugin", plugin("p.vcf"), ("p.vcf",), variables=environment())
    yield Subject(
        "plugin-index",
        plugin("p.vcf.gz", "-Oz", "-W"),
        ("p.vcf.gz", "p.vcf.gz.csi"),
        "p.vcf.gz.csi",
        variables=environment(),
    )
    yield Subject(
        "plugin-bcf",
        plugin("p.bcf", "-Ob", "-W"),
        ("p.bcf", "p.bcf.csi"),
        "p.bcf.csi",
        variables=environment(),
    )


def _after_scoring(folder: Path) -> Iterator[Subject]:
    def scored() -> Path:
        return _made(folder / "scored.vcf.gz", "score", FEW, "-m", "reference")

    def filters(out: Path, _: Path, earlier: bool) -> Sequence[object]:
        levels = ("--snp-tranche", 90) if earlier else ("--snp-tranche", 99)
        files = ("-o", out / "f.vcf.gz", "-W", "--tranche-table", out / "table.tsv")
        resource = ("--resource", DATA / "truth.vcf.gz")
        return (*CNNSCORE, "filter", scored(), *resource, *levels, *files, "--quiet")

    def evaluate(out: Path, _: Path, earlier: bool) -> Sequence[object]:
        key, title = ("QUAL", "earlier") if earlier else ("CNN_REF", "now")
        more = ("--score", key, "--title", title)
        files = (scored(), *TRUTH, *REFERENCE, "-o", out / "e", "--overwrite", "--quiet")
        return (*CNNSCORE, "evaluate", *files, *more)

    def report(out: Path, _: Path, earlier: bool) -> Sequence[object]:
        key, title = ("QUAL", "earlier") if earlier else ("CNN_REF", "now")
        evaluation = _made(folder / title, "evaluate", scored(), *TRUTH, "--score", key)
        files = ("-o", out / "r.html", "--multiqc", out / "r_mqc.json", "--title", title, "--quiet")
        return (*CNNSCORE, "report", evaluation, *files)

    def view(out: Path, _: Path, earlier: bool) -> Sequence[object]:
        files = (FEW, *REFERENCE, *READS, "-o", out / "v.html", "--quiet")
        return (*CNNSCORE, "view", *files, "--near-threshold", 0, "--sites", 20 if earlier else 60)

    yield Subject(
        "filter",
        filters,
        ("f.vcf.gz", "f.vcf.gz.csi", "table.tsv"),
        "f.vcf.gz.csi",
        last="table.tsv",
    )
    yield Subject(
        "evaluate",
        evaluate,
        tuple(f"e/{name}" for name in _EVALUATION),
        "e/evaluation.json",
        folder="e",
    )
    yield Subject("report", report, ("r.html", "r_mqc.json"))
    yield Subject("view", view, ("v.html",))


def _learning(folder: Path) -> Iterator[Subject]:
    def dataset(out: Path, _: Path, earlier: bool) -> Sequence[object]:
        more = ("--weight", 2 if earlier else 1)
        files = (FEW, *REFERENCE, *READS, *TRUTH, "-o", out / "d.parquet", "--quiet")
        return (*CNNSCORE, "dataset", *files, "--overwrite", "--block", 2000, *more)

    def train(out: Path, _: Path, earlier: bool) -> Sequence[object]:
        rows = ("dataset", FEW, *READS, *TRUTH, "--block", 2000)
        data = _made(folder / "data.parquet", *rows)
        files = ("read-set", data, "-o", out / "t", "--overwrite", "--quiet")
        steps = ("training.steps=6", "training.batch=16", "training.evaluate_every=2", "name=n")
        settings = [word for text in steps for word in ("--set", text)]
        return (*CNNSCORE, "train", *files, *settings, "--seed", 8 if earlier else 9)

    yield Subject("dataset", dataset, ("d.parquet",))
    if find_spec("torch"):
        yield Subject(
            "train",
            train,
            ("t/n.onnx", "t/n.md"),
            "t/n.md",
            beside=("t/checkpoint.pt", "t/config.toml", "t/curves.png", "t/log.csv"),
            held=(".lock", ".planes"),
            clears=True,
        )


def _walker(gatk: Gatk) -> Subject:
    def walker(out: Path, tmp: Path, earlier: bool) -> Sequence[object]:
        key = ("--info-key", "THE_EARLIER_RUN") if earlier else ()
        files = ("-V", FEW, *REFERENCE, *READS, "-O", out / "w.vcf.gz", "--tmp-dir", tmp)
        engine = ("--model", "reads", "--engine", ENGINE)
        return gatk.command("CnnScoreVariants", *files, *engine, *key)

    return Subject(
        "walker",
        walker,
        ("w.vcf.gz", "w.vcf.gz.tbi"),
        "w.vcf.gz.tbi",
        ignores=(signal.SIGPIPE,),  # Java ignores it
        hosted=True,
    )


_EVALUATION = (
    *("cnnscore_mqc.json", "compared.vcf.gz", "compared.vcf.gz.tbi", "differences.tsv"),
    *("evaluation.json", "filters.tsv", "igv_session.xml", "mistakes.bed", "report.html"),
    *("scores.tsv", "strata.tsv", "tranches.tsv"),
)


def _made(path: Path, *command: object) -> Path:
    if not path.exists():
        _run(*CNNSCORE, *command, *REFERENCE, "-o", path)
    return path


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def _many(path: Path, times: int) -> Path:
    """Each synthetic record so many times."""
    lines = gzip.decompress((DATA / "calls.vcf.gz").read_bytes()).decode().splitlines(True)
    path.write_text("".join(line if line.startswith("#") else line * times for line in lines))
    return path


def to_stdout(folder: Path) -> dict[str, tuple[list[str], Mapping[str, str]]]:
    """Commands that print more than a pipe holds, and their variables; after `subjects`."""
    score = (*CNNSCORE, "score", folder / "many.vcf", *REFERENCE)
    plugin = ("bcftools", "+cnnscore", folder / "many.vcf", "-f", DATA / "ref.fa")
    view = (*CNNSCORE, "view", FEW, *REFERENCE)
    scored = folder / "many.scored.vcf"
    if not scored.exists():
        _run(*score, "-m", "reference", "-o", scored)
    commands = {
        "score": ((*score, "-m", "reference", "--quiet"), {}),
        "score-z": ((*score, "-m", "reference", "--quiet", "-O", "z0"), {}),
        "plugin": ((*plugin, "-m", "reference"), environment()),
        "plugin-u": ((*plugin, "-m", "reference", "-Ou"), environment()),
        "filter": (
            (*CNNSCORE, "filter", scored, "--quiet"),
            {},
        ),
        "view": ((*view, *READS, "--terminal", "--random", 100, "--quiet"), {}),
    }
    return {name: ([str(word) for word in words], env) for name, (words, env) in commands.items()}
