"""Refining: what is rehearsed, how near the start a network is held, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Finished, run_cli
from hosts.training_data import need_extra

need_extra("torch", "pyarrow", "matplotlib", "tensorboard")

import torch

from cnnscore.dataset.parquet import SPLITS
from cnnscore.description import LABELS
from cnnscore.network.session import Session
from cnnscore.network.store import find_model
from cnnscore.progress import NoProgress
from cnnscore.train import rehearsal
from cnnscore.train.config import load_config, start_of
from cnnscore.train.layers import BatchNorm
from cnnscore.train.logs import Logs
from cnnscore.train.loop import Trained, train
from cnnscore.train.network import Network
from cnnscore.train.rehearsal import bundled, pack
from cnnscore.train.run import start_network
from cnnscore.train.samples import Samples, load_samples

QUICK = ("training.steps=20", "training.evaluate_every=10", "training.batch=64")


@pytest.fixture(scope="module")
def sets(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Samples]:
    """The synthetic calls as the network `reads` sees them, by where annotations come from."""
    data = load_config("reads").data
    return {
        source: load_samples(
            [synthetic], replace(data, annotations_from=source), tmp_path_factory.mktemp(source)
        )
        for source in ("caller", "fill", "reads")
    }


@pytest.mark.parametrize("source", ["caller", "fill", "reads"])
def test_what_is_packed_is_what_is_read(
    sets: dict[str, Samples], source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the file, rows are as the data set gave them, for every source of annotations, also
    those of a network with fewer annotations in another order."""
    data = load_config("reads").data
    content = pack(sets["caller"], sets["fill"], data, {"recipe": "test"})
    (tmp_path / "read-set-2.npz").write_bytes(content)
    monkeypatch.setattr(rehearsal, "files", lambda _: tmp_path)
    monkeypatch.setattr(rehearsal, "FOLDER", ".")
    keys = ("MQ", "QUAL")
    wanted = replace(data, annotations_from=source, annotations=keys, read_limit=1000)
    found = bundled(wanted)
    assert found is not None
    assert found.origin["made_with"] == {"recipe": "test"}
    rows, expected = found.samples, sets[source]
    columns = [data.annotations.index(key) for key in keys]
    np.testing.assert_array_equal(rows.label, expected.label)
    np.testing.assert_array_equal(rows.split, expected.split)
    np.testing.assert_array_equal(rows.row_read, expected.row_read)
    annotations = np.asarray(expected.planes["annotations"])[:, columns]
    np.testing.assert_allclose(rows.planes["annotations"], annotations, rtol=1e-6)
    # Scalars of a read are multiples of a fraction, but for the clipped part of it.
    np.testing.assert_allclose(rows.planes["reads"], expected.planes["reads"], atol=0.006)
    np.testing.assert_allclose(rows.planes["variant"], expected.planes["variant"], atol=6e-4)
    # A network that takes fewer reads gets as many, and each row has its own.
    few = bundled(replace(wanted, read_limit=9))
    assert few is not None
    depth = np.diff(few.samples.row_read)
    np.testing.assert_array_equal(depth, np.minimum(np.diff(rows.row_read), 9))
    for row in range(0, len(depth), 37):
        ours = few.samples.planes["reads"][slice(*few.samples.row_read[row : row + 2])]
        theirs = rows.planes["reads"][slice(*rows.row_read[row : row + 2])]
        assert {tuple(read) for read in ours} <= {tuple(read) for read in theirs}


@pytest.mark.parametrize("name", ["reads", "reference"])
def test_a_sample_comes_with_cnnscore_for_each_bundled_network(name: str) -> None:
    """It has every class to rehearse and to measure by, and the network is good on it: it is what
    the network knows."""
    found = bundled(load_config(name).data)
    assert found is not None
    samples = found.samples
    for split in SPLITS[:2]:
        counts = np.bincount(samples.label[samples.of_split(split)], minlength=len(LABELS))
        assert (counts >= 50).all(), (split, counts)
    network, _, _ = start_network(load_config(name, start={}), name)
    ranked = _ranked(network, samples)
    assert min(ranked.values()) > {"reads": 0.9, "reference": 0.75}[name], ranked
    total = sum(
        len(path.read_bytes())
        for path in files("cnnscore.train").joinpath(rehearsal.FOLDER).iterdir()
    )
    assert total <= 2_000_000


def _ranked(network: Network, samples: Samples) -> dict[str, float]:
    from cnnscore.train.calibrate import rank_by_type
    from cnnscore.train.predict import predict

    rows = samples.of_split("validation")
    scores = predict(network.eval(), samples, rows).astype(np.float64)
    found = rank_by_type(scores, samples.label[rows], samples.weight[rows])
    return {kind: ranking.roc_auc for kind, ranking in found.items()}


def test_no_sample_for_what_it_cannot_be() -> None:
    data = load_config("reads").data
    assert bundled(replace(data, window=100)) is None
    assert bundled(replace(data, annotations=("QUAL", "ZZ"))) is None
    assert bundled(replace(data, encoding="gatk-reads")) is None


# ---- the loop ----


def refine(
    samples: Samples, folder: Path, rehearsed: Samples | None, *sets: str
) -> tuple[Network, Network, Trained]:
    """The bundled network before and after, and how it went."""
    config = load_config("reads", (*QUICK, *sets), start=start_of("reads"))
    before, _, _ = start_network(config, "reads")
    network, _, _ = start_network(config, "reads")
    folder.mkdir(parents=True, exist_ok=True)
    logs = Logs(folder, NoProgress())
    trained = train(
        network, samples, config, checkpoint=folder / "c.pt", logs=logs, refining=True,
        rehearsal=rehearsed,
    )  # fmt: skip
    logs.close()
    return before, network, trained


def distance(a: Network, b: Network) -> float:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return float(sum(((x - y) ** 2).sum().item() for x, y in pairs) ** 0.5)


def learnt_last(network: Network, folder: Path) -> None:
    """Give a network the weights of the last step, which need not be those that were kept."""
    network.load_state_dict(torch.load(folder / "c.pt", weights_only=False)["network"])


def rehearsed() -> Samples:
    found = bundled(load_config("reads").data)
    assert found is not None
    return found.samples


ALWAYS = ("training.most_lost=1", "training.least_gained=0.0", "training.patience=0")


def test_the_pull_holds_weights_near_the_start(sets: dict[str, Samples], tmp_path: Path) -> None:
    """The stronger, the nearer; and batch normalisation keeps the start's statistics."""
    moved = []
    for decay in ("0.0", "300.0", "3000.0"):
        settings = (f"training.weight_decay={decay}", "training.learning_rate=1e-3", *ALWAYS)
        before, network, _ = refine(sets["fill"], tmp_path / decay, None, *settings)
        learnt_last(network, tmp_path / decay)
        moved.append(distance(network, before))
        for ours, theirs in zip(network.modules(), before.modules(), strict=True):
            if isinstance(ours, BatchNorm):
                for name, value in theirs.named_buffers():
                    assert torch.equal(dict(ours.named_buffers())[name], value)
    assert moved[0] > 1.5 * moved[1] > 1.8 * moved[2], moved


def test_rehearsal_keeps_what_is_said_of_its_rows(sets: dict[str, Samples], tmp_path: Path) -> None:
    """With half of each minibatch, scores of the rehearsal data move less than without it."""
    from cnnscore.train.predict import predict

    general = rehearsed()
    rows = general.of_split("validation")[::4]
    change = []
    for part in ("0.0", "0.5"):
        sets_ = (f"training.rehearsal={part}", "training.learning_rate=2e-3",
                 "training.weight_decay=0.0", "training.steps=60", *ALWAYS)  # fmt: skip
        before, after, _ = refine(sets["fill"], tmp_path / part, general, *sets_)
        learnt_last(after, tmp_path / part)
        moved = predict(after.eval(), general, rows) - predict(before.eval(), general, rows)
        change.append(float(np.sqrt(np.mean(moved**2))))
    assert change[1] < 0.75 * change[0], change


def test_the_mix_is_what_was_asked(
    sets: dict[str, Samples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnscore.train import loop

    sizes: list[int] = []
    original = loop._minibatch

    def minibatch(samples: Samples, *more: Any) -> Any:
        planes, label = original(samples, *more)
        sizes.append(len(label))
        return planes, label

    monkeypatch.setattr(loop, "_minibatch", minibatch)
    refine(sets["fill"], tmp_path / "quarter", rehearsed(), "training.rehearsal=0.25", *ALWAYS)
    assert set(zip(sizes[::2], sizes[1::2], strict=True)) == {(48, 16)}
    sizes.clear()
    refine(sets["fill"], tmp_path / "none", rehearsed(), "training.rehearsal=0.0", *ALWAYS)
    assert set(sizes) == {64}


def test_a_step_that_forgets_is_not_kept(sets: dict[str, Samples], tmp_path: Path) -> None:
    """At a rate that ruins the network, step 0 stays unless forgetting is allowed."""
    ruin = ("training.learning_rate=0.3", "training.weight_decay=0.0", "training.patience=0")
    before, after, trained = refine(sets["fill"], tmp_path / "guard", rehearsed(), *ruin)
    assert (trained.step, distance(before, after)) == (0, 0.0)


def test_a_step_that_gains_less_than_chance_gives_is_not_kept(
    sets: dict[str, Samples], tmp_path: Path
) -> None:
    gentle = ("training.most_lost=1", "training.patience=0", "training.learning_rate=1e-3")
    *_, kept = refine(sets["caller"], tmp_path / "a", rehearsed(), *gentle)
    least = ("training.least_gained=0.9",)
    before, after, trained = refine(sets["caller"], tmp_path / "b", rehearsed(), *gentle, *least)
    assert kept.steps == trained.steps == 20
    assert (trained.step, distance(before, after)) == (0, 0.0)


# ---- the command ----


def cli(data: Path, output: Path, *more: object, sets: tuple[str, ...] = QUICK) -> Finished:
    settings = [part for text in sets for part in ("--set", text)]
    return run_cli("train", "reads", data, "-o", output, "--quiet", *settings, *more)


def test_what_was_gained_and_what_it_cost_is_said(synthetic: Path, tmp_path: Path) -> None:
    """In the command's closing lines and in the card: yours and general, before and after."""
    finished = cli(synthetic, tmp_path / "run", "--init", "reads", sets=(*QUICK, *ALWAYS))
    assert finished.code == 0, finished.err
    manifest = Session(tmp_path / "run/reads.onnx", "cpu").manifest
    metrics = manifest.training["metrics"]
    assert {"general", "before", "validation"} <= set(metrics)
    now, then = metrics["general"]["SNP"], metrics["before"]["general"]["SNP"]
    card = (tmp_path / "run/reads.md").read_text()
    assert "cnnscore's own read-set-2 sample" in card
    assert "general" in card
    assert f"{then['roc_auc']:.3f}" in card
    done = run_cli("train", "reads", synthetic, "-o", tmp_path / "again", "--init", "reads",
                   *(part for text in (*QUICK, *ALWAYS) for part in ("--set", text)))  # fmt: skip
    assert done.code == 0, done.err
    assert f"general, SNP: ROC AUC {then['roc_auc']:.4f} -> {now['roc_auc']:.4f}" in done.err
    assert "your validation rows, SNP: ROC AUC" in done.err


def test_without_steps_nothing_changes(synthetic: Path, tmp_path: Path) -> None:
    """Weights, calibration, cut-offs and scores are those of the start, and the card says so."""
    finished = cli(synthetic, tmp_path / "run", "--init", "reads", sets=("training.steps=0",))
    assert finished.code == 0, finished.err
    assert "no step was taken" in finished.err
    card = (tmp_path / "run/reads.md").read_text()
    assert "No step was taken" in card
    assert "Its scores are those of the network that it started from" in card
    # Nothing was drawn, chosen or calibrated.
    assert not re.search("minibatch|chose the step|No step did better|are no odds", card)
    assert "\\*" not in card
    ours, theirs = (
        Session(path, "cpu") for path in (tmp_path / "run/reads.onnx", Path(find_model("reads")))
    )
    assert ours.manifest.cutoffs == theirs.manifest.cutoffs
    general = rehearsed()
    planes = general.batch(general.of_split("validation")[:64])
    wanted = {name: planes[name] for name in ours.manifest.encoder.inputs}
    np.testing.assert_array_equal(ours.run(wanted), theirs.run(wanted))


def test_gatks_network_without_steps_keeps_its_scores(
    gatk_models: Path, synthetic: Path, tmp_path: Path
) -> None:
    """Calibration is of networks that learnt something: GATK's scores stay GATK's."""
    done = run_cli("train", "gatk-1d", synthetic, "-o", tmp_path / "run", "--quiet",
                   "--init", "gatk-1d", "--set", "training.steps=0")  # fmt: skip
    assert done.code == 0, done.err
    data = load_config("gatk-1d").data
    samples = load_samples([synthetic], data, tmp_path / "planes")
    ours, theirs = (
        Session(path, "cpu")
        for path in (next((tmp_path / "run").glob("*.onnx")), gatk_models / "gatk-1d.onnx")
    )
    planes = samples.batch(np.arange(200))

    def log_odds(session: Session) -> np.ndarray:
        found = session.run({name: planes[name] for name in session.manifest.encoder.inputs})
        return np.asarray(np.log(found[:, 2:] / found[:, :2]))

    np.testing.assert_allclose(log_odds(ours), log_odds(theirs), atol=2e-3)


def test_annotations_that_no_row_has_are_refused(synthetic: Path, tmp_path: Path) -> None:
    """A network of annotations alone, on columns that are all missing, would learn nothing."""
    from pyarrow import parquet

    table = parquet.read_table(synthetic)
    column = table.schema.get_field_index("annotations")
    values = table.column(column).combine_chunks()
    import pyarrow as pa

    width = len(values[0])
    flat = pa.array(np.full(len(values) * width, np.nan, np.float32))
    empty = pa.FixedSizeListArray.from_arrays(flat, width)
    changed = table.set_column(column, table.schema.field(column), empty.cast(values.type))
    parquet.write_table(changed, tmp_path / "bare.parquet")
    done = run_cli("train", "annotations", tmp_path / "bare.parquet", "-o", tmp_path / "run",
                   "--quiet", "--set", 'data.annotations_from="caller"')  # fmt: skip
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "no row has the annotation" in done.err
    assert not list((tmp_path / "run").glob("*.onnx"))
