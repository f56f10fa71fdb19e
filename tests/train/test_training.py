"""`cnnscore train`: it learns, repeats, resumes, refines, distils, and says what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import DATA, Finished, run_cli, scores_of
from hosts.training_data import make, need_extra

need_extra("torch", "pyarrow", "matplotlib", "tensorboard")

import torch

from cnnscore.dataset.parquet import SPLITS
from cnnscore.network.manifest import parse_manifest
from cnnscore.network.session import Session
from cnnscore.train.config import Randomisation, load_config, parse_config, to_toml
from cnnscore.train.logs import Logs
from cnnscore.train.loop import train
from cnnscore.train.losses import loss_of_classes, loss_of_log_odds
from cnnscore.train.network import make_network
from cnnscore.train.predict import predict
from cnnscore.train.samples import ClassSampler, Samples, load_samples

CALM = (
    *(f"randomisation.{entry.name}=0" for entry in fields(Randomisation)),
    "training.label_smoothing=0",
    "network.dropout=0",
)
QUICK = ("training.steps=20", "training.batch=64", "training.evaluate_every=10")


@pytest.fixture(scope="module")
def samples(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """The synthetic calls, encoded as read-set."""
    folder = tmp_path_factory.mktemp("planes")
    return load_samples([synthetic], load_config("read-set").data, folder)


def cli(
    config: str, data: Path, output: Path, *more: object, sets: tuple[str, ...] = QUICK
) -> Finished:
    """Run `cnnscore train`, 20 steps."""
    settings = [part for text in sets for part in ("--set", text)]
    return run_cli("train", config, data, "-o", output, "--quiet", *settings, *more)


def manifest_of(path: Path) -> dict[str, Any]:
    return dict(vars(Session(path, "cpu").manifest))


def test_twenty_steps_overfit_a_tiny_set(samples: Samples, tmp_path: Path) -> None:
    config = load_config("read-set", ("training.steps=20", "training.learning_rate=2e-2", *CALM))
    rows = np.concatenate([np.flatnonzero(samples.label == label)[:4] for label in range(4)])
    split = np.full_like(samples.split, SPLITS.index("test"))
    split[rows] = SPLITS.index("train")
    tiny = Samples(samples.planes, samples.row_read, samples.label, split, samples.weight)
    torch.manual_seed(1)
    network = make_network(config)
    network.annotations.fit(np.asarray(samples.planes["annotations"][rows]))
    before = predict(network, tiny, rows)
    train(network, tiny, config, checkpoint=tmp_path / "c.pt", logs=Logs(tmp_path))
    after, true = predict(network, tiny, rows), samples.label[rows] >= 2
    assert np.abs(before).max() < 1.5, "it must not know anything before"
    assert ((after > 0) == true).all()
    assert np.abs(after).mean() > 2


def test_read_set_2_trains_and_exports(synthetic: Path, tmp_path: Path) -> None:
    """The configuration `reads`, on the next edition of its encoding."""
    sets = (*QUICK, "data.encoding=read-set-2")
    finished = cli("reads", synthetic, tmp_path, sets=sets)
    assert finished.code == 0, finished.err
    assert manifest_of(tmp_path / "reads.onnx")["encoding"] == "read-set-2"


def test_equal_seeds_give_equal_networks(synthetic: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        assert cli("read-set", synthetic, tmp_path / name, "--seed", seed).code == 0
    logs = {name: (tmp_path / name / "log.csv").read_text() for name in ("one", "two", "three")}
    assert logs["one"] == logs["two"] != logs["three"]
    networks = [torch.load(tmp_path / name / "checkpoint.pt") for name in ("one", "two")]
    for key, value in networks[0]["network"].items():
        assert torch.equal(value, networks[1]["network"][key]), key


def test_a_killed_run_resumes_to_the_same_end(samples: Samples, tmp_path: Path) -> None:
    sets = ("training.steps=16", "training.batch=32", "training.evaluate_every=8")
    config = load_config("read-set", sets)

    def run(folder: str, **how: Any) -> dict[str, torch.Tensor]:
        (tmp_path / folder).mkdir(exist_ok=True)
        torch.manual_seed(1)
        network, logs = make_network(config), Logs(tmp_path / folder)
        checkpoint = tmp_path / folder / "checkpoint.pt"
        train(network, samples, config, checkpoint=checkpoint, logs=logs, **how)
        return dict(network.state_dict())

    whole = run("whole")
    run("broken", stop_after=8)
    assert (tmp_path / "broken/log.csv").read_text().count("\n") == 2
    resumed = run("broken", resume=True)
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    assert (tmp_path / "broken/log.csv").read_text() == (tmp_path / "whole/log.csv").read_text()


def test_a_run_gives_a_network_that_scores(synthetic: Path, tmp_path: Path) -> None:
    finished = cli("read-set", synthetic, tmp_path / "run", "--set", "name=mine")
    assert finished.code == 0, finished.err
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        *("mine.onnx", "mine.md", "config.toml", "log.csv", "curves.png", "checkpoint.pt"),
        "tensorboard",
    }
    network = tmp_path / "run/mine.onnx"
    manifest = Session(network, "cpu").manifest
    assert (manifest.name, manifest.score, manifest.info_key) == ("mine", "log-odds", "CNN_READS")
    assert manifest.training["data"]["tags"] == ["artefact=mixed"]
    again = parse_config(manifest.training["configuration"], "the manifest")
    assert again == load_config(str(tmp_path / "run/config.toml"))
    output = tmp_path / "scored.vcf"
    scored = run_cli(
        *("score", DATA / "calls.vcf.gz", "-R", DATA / "ref.fa", "-I", DATA / "reads.bam"),
        *("-m", network, "-o", output, "--quiet"),
    )
    assert scored.code == 0, scored.err
    assert None not in scores_of(output, "CNN_READS")
    card = run_cli("model", "card", network).out
    assert card == (tmp_path / "run/mine.md").read_text()
    for text in ("# mine", "## Training", "| train |", "synthetic.parquet", "does not know"):
        assert text in card
    used = cli("read-set", synthetic, tmp_path / "run", "--set", "name=mine")
    assert used.code == 1
    assert "is there already: --resume goes on from a checkpoint, --overwrite" in used.err


@pytest.mark.parametrize("name", ["reference", "annotations"])
def test_networks_without_reads_train(name: str, synthetic: Path, tmp_path: Path) -> None:
    assert cli(name, synthetic, tmp_path).code == 0
    assert Session(tmp_path / f"{name}.onnx", "cpu").manifest.read_limit == 0


def test_separable_2d_trains_on_reads_by_gatks_rule(synthetic: Path, tmp_path: Path) -> None:
    small = (
        *("training.steps=2", "training.batch=8", "training.evaluate_every=2"),
        *("network.filters=[4]", "network.kernels=[5]", "network.read_kernels=[5]"),
    )
    refused = cli("separable-2d", synthetic, tmp_path / "a", sets=small)
    assert refused.code == 2
    assert "--read-rule gatk" in refused.err
    data = make(tmp_path / "gatk.parquet", "--read-rule", "gatk")
    assert cli("separable-2d", data, tmp_path / "b", sets=small).code == 0
    assert Session(tmp_path / "b/separable-2d.onnx", "cpu").manifest.encoding == "gatk-reads"


def test_refining_starts_from_the_weights_and_distilling_learns_the_teachers(
    synthetic: Path, samples: Samples, tmp_path: Path
) -> None:
    first = tmp_path / "first/read-set.onnx"
    sets = ("training.steps=120", "training.batch=64", "training.evaluate_every=60")
    assert cli("read-set", synthetic, tmp_path / "first", sets=sets).code == 0

    def scores(path: Path) -> np.ndarray:
        session, planes = Session(path, "cpu"), samples.batch(np.arange(len(samples)))
        return session.run({name: planes[name] for name in session.manifest.encoder.inputs})[:, 0]

    still = ("training.steps=1", "training.learning_rate=1e-9", "training.evaluate_every=1")
    assert cli("read-set", synthetic, tmp_path / "r", "--init", first, sets=still).code == 0
    # Calibration is fitted anew, on the same rows: nothing else moved.
    np.testing.assert_allclose(scores(tmp_path / "r/read-set.onnx"), scores(first), atol=2e-3)
    assert manifest_of(tmp_path / "r/read-set.onnx")["source"]["init"] == "read-set.onnx"

    pupil = ("--teacher", first, "--seed", 9)
    assert cli("read-set", synthetic, tmp_path / "p", *pupil, sets=sets).code == 0

    def agreement(folder: str) -> float:
        return float(np.corrcoef(scores(tmp_path / folder / "read-set.onnx"), scores(first))[0, 1])

    assert agreement("p") > 0.9
    training = manifest_of(tmp_path / "p/read-set.onnx")["training"]
    assert training["teachers"] == ["read-set.onnx, seed 1"]
    assert "log-odds of `read-set.onnx, seed 1`." in (tmp_path / "p/read-set.md").read_text()
    foreign = cli("reference", synthetic, tmp_path / "f", "--teacher", first)
    assert foreign.code == 2
    assert "a teacher must see what its pupil sees" in foreign.err


def test_gatks_network_gets_better_on_a_data_set(
    gatk_models: Path, synthetic: Path, tmp_path: Path
) -> None:
    data = load_config("gatk-1d").data
    samples = load_samples([synthetic], data, tmp_path / "planes")
    sets = (
        "training.steps=8",
        "training.batch=16",
        "training.evaluate_every=2",
        "training.learning_rate=1e-3",
    )
    finished = cli("gatk-1d", synthetic, tmp_path / "t", "--init", "gatk-1d", sets=sets)
    assert finished.code == 0, finished.err
    rows = samples.of_split("train")
    label = samples.label[rows]

    def loss(path: Path) -> float:
        planes = samples.batch(rows)
        session = Session(path, "cpu")
        found = session.run({name: planes[name] for name in session.manifest.encoder.inputs})
        losses = -np.log(found[np.arange(len(rows)), label])
        return float(np.mean([losses[label == number].mean() for number in range(4)]))

    assert loss(tmp_path / "t/gatk-1d-tuned.onnx") < 0.9 * loss(gatk_models / "gatk-1d.onnx")


def test_leave_out_takes_rows_away(synthetic: Path, samples: Samples, tmp_path: Path) -> None:
    data = load_config("read-set").data
    left = load_samples([synthetic], data, tmp_path / "a", leave_out=[("contig", "synB")])
    assert 0 < len(left) < len(samples)
    for key, says in (("artefact=mixed", "no rows are left"), ("artefact=x", "no row has that")):
        finished = cli("read-set", synthetic, tmp_path / "o", "--leave-out", key)
        assert finished.code == 2
        assert says in finished.err


def test_minibatches_are_balanced_and_drawn_by_weight(samples: Samples) -> None:
    weight = samples.weight.copy()
    rows = samples.of_split("train")
    snps = rows[samples.label[rows] == 2]
    weight[snps[0]] = 1000 * len(snps)
    heavy = Samples(samples.planes, samples.row_read, samples.label, samples.split, weight)
    sampler = ClassSampler(heavy, rows, 100, seed=5)
    drawn, _ = sampler.draw(7)
    np.testing.assert_array_equal(np.bincount(samples.label[drawn]), [25, 25, 25, 25])
    assert set(drawn) <= set(rows)
    assert (drawn == snps[0]).sum() == 25
    np.testing.assert_array_equal(drawn, sampler.draw(7)[0])
    assert (drawn != sampler.draw(8)[0]).any()


def test_early_stopping_keeps_the_best(samples: Samples, tmp_path: Path) -> None:
    sets = (
        "training.steps=40",
        "training.evaluate_every=2",
        "training.patience=2",
        *CALM,
        "training.batch=32",
        "training.learning_rate=1e-12",
    )
    config = load_config("read-set", sets)
    logs = Logs(tmp_path)
    trained = train(make_network(config), samples, config, checkpoint=tmp_path / "c.pt", logs=logs)
    assert trained.step == 2
    assert len(logs.history) == 3, "it must stop after two looks without a better one"


@pytest.mark.parametrize("loss", ["cross-entropy", "focal", "soft-f1"])
def test_losses_fall_towards_the_truth(loss: str) -> None:
    options = load_config(
        "read-set", [f"training.loss={loss}", "training.label_smoothing=0"]
    ).training
    label = torch.tensor([0, 1, 2, 3])
    target = (label >= 2).float()
    sign = 2 * target - 1
    values = [float(loss_of_log_odds(z * sign, target, label, options)) for z in (-4, 0, 4, 12)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-3
    classes = torch.nn.functional.one_hot(label, 4).float()
    values = [float(loss_of_classes(z * classes, label, options)) for z in (-4, 0, 4, 14)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-3


def test_losses_by_hand() -> None:
    label, zero = torch.tensor([0, 2]), torch.zeros(2)
    target = torch.tensor([0.0, 1.0])

    def loss(*sets: str) -> float:
        options = load_config("read-set", ["training.label_smoothing=0", *sets]).training
        return float(loss_of_log_odds(zero, target, label, options))

    half = float(np.log(2))
    assert loss() == pytest.approx(half)
    assert loss("training.loss=focal", "training.focal_gamma=2") == pytest.approx(half / 4)
    # SNPs: F1 = 2 * 0.5 / (0.5 + 1 + 0.5); indels: none, so 1.
    assert loss("training.loss=soft-f1") == pytest.approx(half / 2 + (0.5 + 1) / 2)
    lopsided = load_config("read-set", ["training.class_weights=[3,1,1,1]"]).training
    odds = torch.tensor([2.0, 2.0])
    weighed = loss_of_log_odds(odds, target, label, lopsided)
    assert float(weighed) > float(
        loss_of_log_odds(odds, target, label, load_config("read-set").training)
    )


def test_configurations_round_trip_and_refuse(tmp_path: Path) -> None:
    for name in ("read-set", "reference", "annotations", "separable-2d", "gatk-1d"):
        config = load_config(name, ["training.seed=5"])
        path = tmp_path / "c.toml"
        path.write_text(to_toml(config))
        assert load_config(str(path)) == config
        assert config.training.seed == 5
    refused = {
        "training.stepps=5": "unknown key training.stepps",
        "training.steps=many": "training.steps is 'many', not int",
        "training.loss=hinge": "training.loss must be one of",
        "network.filters=[1,2]": "network.kernels must be as many",
        "name=a/b": "name must be a plain file name",
        "training": "give KEY=VALUE",
        "network.architecture=transformer": "unknown architecture",
        "network.architecture=reference": "takes the encoding reference",
        'data.annotations=["XX"]': "lacks the annotation XX",
        "data.window=2000": "make it again with --window 2000",
        "data.annotations_from=thin-air": "must be caller, reads or fill",
    }
    data = make(tmp_path / "d.parquet", "-r", "synB")
    for setting, says in refused.items():
        finished = run_cli("train", "read-set", data, "-o", tmp_path / "out", "--set", setting)
        assert finished.code in (1, 2), setting
        assert says in finished.err, setting
    (tmp_path / "c.bad.toml").write_text("name = ")
    for file, says in (("nowhere.toml", "no configuration at"), ("c.bad.toml", "is not TOML")):
        finished = run_cli("train", tmp_path / file, data, "-o", tmp_path / "out")
        assert finished.code == 2
        assert says in finished.err


def test_one_class_alone_cannot_be_learnt(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.vcf"
    nothing.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=synA,length=40000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nsynA\t21\t.\t"
        + (DATA / "ref.fa").read_text().split("\n")[1][20]
        + "\tACGTACGTAA\t.\t.\t.\n"
    )
    data = make(tmp_path / "d.parquet", truth=nothing)
    finished = cli("read-set", data, tmp_path / "out")
    assert finished.code == 2
    assert "and no SNP: a network learns from both" in finished.err
    assert not (tmp_path / "out/read-set.onnx").exists()


def test_labels_out_of_range_are_named(synthetic: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(synthetic)
    at = table.schema.get_field_index("label")
    wrong = pa.array(["SNV"] * len(table)).dictionary_encode()
    pq.write_table(table.set_column(at, table.schema.field(at), wrong), tmp_path / "wrong.parquet")
    finished = cli("read-set", tmp_path / "wrong.parquet", tmp_path / "out")
    assert finished.code == 2
    assert "column label has 'SNV', which is none of NOT_SNP, NOT_INDEL, SNP, INDEL" in finished.err


def test_without_pytorch_one_error_names_the_command(synthetic: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from cnnscore.cli import main;"
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = ("train", "read-set", synthetic, "-o", tmp_path / "out")
    command = [sys.executable, "-c", code, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 1
    assert "pip install 'cnnscore[train]'" in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_a_full_disk_leaves_no_network(synthetic: Path, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from cnnscore.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (900000, 900000)); sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["train", "read-set", synthetic, "-o", tmp_path / "out", "--quiet"]
    arguments += ["--set", "training.steps=2", "--set", "network.read=[300,300]"]
    arguments += ["--set", "training.batch=8"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert finished.returncode == 2, finished.stderr
    assert "cannot write" in finished.stderr
    assert not list((tmp_path / "out").glob("*.onnx"))
    assert not list((tmp_path / "out").glob("*.raw"))


def test_a_manifest_with_training_and_cutoffs_is_read(synthetic: Path, tmp_path: Path) -> None:
    assert cli("annotations", synthetic, tmp_path).code == 0
    manifest = Session(tmp_path / "annotations.onnx", "cpu").manifest
    rows = manifest.training["data"]["rows"]
    assert sum(sum(counts.values()) for counts in rows.values()) == 295
    text = json.dumps({**asdict(manifest), "schema": 1, "training": ["no table"]}, default=list)
    with pytest.raises(Exception, match="'training' is missing or wrong"):
        parse_manifest(text, "a file")
