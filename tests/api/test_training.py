"""dataset and train: what the commands do, as functions, with the words of Python callers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

import cnnscore as cs
from conftest import DATA, run_cli
from hosts.training_data import make, need_extra

need_extra("pyarrow", "torch", "tensorboard")

import pyarrow.parquet
import torch

from cnnscore.dataset.parquet import Dataset

CALLS, REF, READS, TRUTH = (
    DATA / name for name in ("calls.vcf.gz", "ref.fa", "reads.bam", "truth.vcf.gz")
)
FILES: dict[str, Any] = {"reference": REF, "reads": READS, "truth": TRUTH}
FEW = {"training.steps": 20, "training.evaluate_every": 10, "name": "mine"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of the synthetic calls."""
    folder = tmp_path_factory.mktemp("data")
    made = cs.dataset(
        CALLS, **FILES, output=folder, block=2000, validation=0.25, tags={"artefact": "mixed"}
    )
    assert (made.path, made.rows, made.missing) == (str(folder / "calls.parquet"), 295, [])
    return folder


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, []),
        (
            {"info": ["QD", "MQ"], "window": 200, "read_limit": 20, "name": "mine", "weight": 2},
            [
                *("--info", "QD,MQ", "--window", 200, "--read-limit", 20),
                *("--name", "mine", "--weight", 2),
            ],
        ),
        (
            {
                **{"keep": {"SNP": 0.5}, "hold_out": "synB", "tags": {"kit": "a"}},
                **{"validation": 0, "calibration": 0, "region": "synA,synB"},
            },
            [
                *("--keep", "SNP=0.5", "--hold-out", "synB", "--tag", "kit=a"),
                *("--validation", 0, "--calibration", 0, "-r", "synA,synB"),
            ],
        ),
    ],
    ids=["plain", "windows", "rows"],
)
def test_dataset_writes_what_the_command_writes(
    arguments: dict[str, Any], options: list[Any], tmp_path: Path
) -> None:
    with pysam.VariantFile(str(CALLS)) as calls, pysam.AlignmentFile(str(READS)) as reads:
        given = {"reference": REF, "reads": [reads], "truth": str(TRUTH), **arguments}
        made = cs.dataset(calls, **given, output=tmp_path / "api.parquet", block=2000)
    command = make(tmp_path / "other" / "command.parquet", "--block", 2000, *options)
    ours, theirs = (pyarrow.parquet.read_table(path) for path in (made.path, command))
    assert ours.schema.equals(theirs.schema)
    assert str(ours.to_pylist()) == str(theirs.to_pylist())  # NaN is like NaN
    assert made.rows == len(ours)
    layouts = [Dataset(Path(path)).layout for path in (made.path, command)]
    assert layouts[0].provenance.pop("command") == "cnnscore.dataset"
    layouts[1].provenance.pop("command")
    assert layouts[0] == layouts[1]
    assert f"{made.rows:,} rows" in repr(made)
    assert "<th>NOT_INDEL</th>" in made._repr_html_()


def test_train_makes_the_network_of_the_command(data: Path, tmp_path: Path) -> None:
    before = torch.random.get_rng_state(), torch.get_num_threads()
    done = cs.train("annotations", data, output=tmp_path / "api", settings=FEW, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]
    assert not torch.are_deterministic_algorithms_enabled()
    settings = [f"--set={key}={value}" for key, value in FEW.items()]
    run = run_cli(
        "train", "annotations", data, "-o", tmp_path / "command", "--seed", 3, *settings, "--quiet"
    )
    assert run.code == 0, run.err
    paths = (done.path, tmp_path / "command" / "mine.onnx")
    scores = [cs.open(path).table(CALLS, reference=REF)["score"] for path in paths]
    assert np.array_equal(scores[0], scores[1], equal_nan=True)
    assert np.isfinite(scores[0]).any()
    assert (done.name, done.manifest["training"]["steps"]) == ("mine", 20)
    assert done.card.startswith("# mine")
    assert "your validation rows, SNP: ROC AUC" in done.text()
    assert "your validation rows, SNP" in done._repr_html_()
    refined = cs.train(
        *("annotations", [data / "calls.parquet"]),
        output=tmp_path / "refined",
        init=done.path,
        settings=["training.steps=1", "name=refined"],
    )
    assert "->" in refined.text()


WRONG_DATA: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"keep": {"SNP": "few"}}, TypeError, "`keep=` takes parts by class"),
    ({"keep": {"SNV": 0.1}}, cs.UsageError, "`keep=SNV=0.1`: give one of NOT_SNP"),
    ({"tags": ["kit"]}, TypeError, "`tags=` takes a dict of texts"),
    ({"tags": {"label": "x"}}, cs.UsageError, "`tags=label`"),
    ({"read_rule": "all"}, cs.UsageError, "`read_rule=all`: one of"),
    ({"window": 0}, cs.UsageError, "`window=`, `read_limit=`, `block=` and `weight=` must be"),
    ({"hold_out": "chr99"}, cs.UsageError, "`hold_out=chr99`: the calls have no such contig"),
    ({"hold_out": 5}, TypeError, "`hold_out=` takes a text or a list of them"),
    ({"block": 100_000}, cs.BadInput, r"smaller blocks \(`block=50000`\).*`allow_empty_splits=`"),
    ({"truth": None}, TypeError, "`truth=` takes a file's name"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), WRONG_DATA, ids=str)
def test_dataset_refuses(
    wrong: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message) as error:
        cs.dataset(CALLS, **{**FILES, **wrong}, output=tmp_path / "out.parquet")
    check_words(error.value)
    assert not (tmp_path / "out.parquet").exists()


WRONG_TRAINING: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"config": "nothing"}, cs.BadInput, "no configuration at nothing"),
    ({"data": "nowhere"}, cs.BadInput, "no data set at nowhere"),
    ({"data": 5}, TypeError, "`data=` takes a file's name"),
    ({"settings": {"training.steps": None}}, TypeError, "`settings=` takes numbers, texts"),
    ({"settings": "training"}, cs.UsageError, "`settings=training`: give KEY=VALUE"),
    ({"settings": {"training.pace": 2}}, cs.BadInput, "unknown key training.pace"),
    ({"settings": {"data.annotations": ["GQX"]}}, cs.BadInput, "again with `info=.*,GQX`"),
    ({"rehearsal": "data"}, cs.UsageError, "give `init=` as well"),
    ({"init": "nothing"}, cs.BadInput, "no network named nothing"),
    ({"leave_out": {"kit": "a"}}, cs.BadInput, "`leave_out=kit=a`: no row has that"),
    ({"leave_out": "kit"}, TypeError, "`leave_out=` takes a dict"),
    ({"device": "tpu"}, cs.UsageError, "`device=tpu`: one of auto, cpu, cuda"),
    ({"resume": True}, cs.BadInput, "train without `resume=`"),
    ({"resume": True, "overwrite": True}, cs.UsageError, "give one or the other"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), WRONG_TRAINING, ids=str)
def test_train_refuses(
    wrong: dict[str, Any], kind: type[Exception], message: str, data: Path, tmp_path: Path
) -> None:
    arguments = {"config": "annotations", "data": data, **wrong}
    with pytest.raises(kind, match=message) as error:
        cs.train(**arguments, output=tmp_path / "run")
    check_words(error.value)
    assert not list(tmp_path.rglob("*.onnx"))


def check_words(error: Exception) -> None:
    assert isinstance(error, cs.CnnscoreError)
    assert not re.search(r"(?<!\w)--?[a-zI]", str(error)), "an option of the command"
