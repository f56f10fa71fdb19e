"""Networks: what is written says what PyTorch says, to the same bits in any company."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hosts.training_data import need_extra

need_extra("torch", "pyarrow")

import onnx
import torch

from cnnscore.errors import BadInput
from cnnscore.network.cutoffs import BareCutoffs
from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES, Planes
from cnnscore.network.session import Session
from cnnscore.train.config import load_config
from cnnscore.train.export import make_manifest, write_onnx
from cnnscore.train.init import load_weights
from cnnscore.train.network import Network, make_network
from cnnscore.train.predict import to_torch
from cnnscore.train.randomise import randomise

CONFIGS = ("read-set", "reference", "annotations", "separable-2d", "gatk-1d")
SMALL = {
    "gatk-1d": ("network.filters=[8,8,8]",),
    "separable-2d": (
        "network.filters=[4,6]",
        "network.kernels=[3,5]",
        "network.read_kernels=[3,4]",
    ),
}
DEPTH = 30


def planes_of(name: str, n: int, seed: int = 1) -> Planes:
    """Random planes of n rows, of the configuration's encoding, with reads at the front."""
    random = np.random.default_rng(seed)
    config = load_config(name)
    encoding, window = config.data.encoding, config.data.window
    annotations = random.normal(10, 20, (n, len(config.data.annotations))).astype(np.float32)
    planes: Planes = {"annotations": annotations}
    inside = np.arange(DEPTH) < random.integers(0, DEPTH + 1, n)[:, None]
    if encoding in ("read-set-2", "reference"):
        annotations[random.random(annotations.shape) < 0.2] = np.nan
        planes["variant"] = random.random((n, len(VARIANT_FEATURES))).astype(np.float32)
        planes["variant"][:, 0] = random.random(n) < 0.5
    if encoding != "read-set-2":
        planes["reference"] = random.integers(0, 7, (n, window)).astype(np.uint8)
    if encoding == "reference":
        planes["alternate"] = random.integers(0, 7, (n, window)).astype(np.uint8)
    if encoding == "read-set-2":
        planes["mask"] = inside.astype(np.float32)
        reads = random.normal(0.3, 0.6, (n, DEPTH, len(READ_SCALARS))).astype(np.float32)
        reads[..., READ_SCALARS.index("supports_alt")] = random.random((n, DEPTH)) < 0.4
        planes["reads"] = reads * planes["mask"][..., None]
    if encoding == "gatk-reads":
        bases = random.integers(0, 16, (n, DEPTH, window)) + 32
        planes["bases"] = np.where(inside[..., None], bases, 17).astype(np.uint8)
        quals = random.integers(2, 45, (n, DEPTH, window))
        planes["quals"] = np.where(inside[..., None], quals, 0).astype(np.uint8)
        rows = random.integers(0, 16, (n, DEPTH, 2))
        planes["rows"] = np.where(inside[..., None], rows, 0).astype(np.uint8)
    return planes


def written(name: str, folder: Path) -> tuple[Network, Session, Path]:
    """A network with random weights, normalisation and calibration, and its file."""
    config = load_config(name, SMALL.get(name, ()))
    torch.manual_seed(7)
    network = make_network(config)
    network.train()
    with torch.no_grad():  # batch normalisation gets statistics
        network(to_torch(planes_of(name, 64))) if network.output == "log_odds" else (
            network.classes(to_torch(planes_of(name, 64)))
        )
    network.eval()
    network.annotations.fit(planes_of(name, 200)["annotations"])
    network.calibration.slope[:] = torch.tensor([1.7, 0.6])
    network.calibration.offset[:] = torch.tensor([0.4, -0.9])
    manifest = make_manifest(config, network, {}, BareCutoffs(), {}, {"made_by": "a test"})
    path = folder / f"{name}.onnx"
    path.write_bytes(write_onnx(network, config, manifest))
    assert path.read_bytes() == write_onnx(network, config, manifest)
    return network, Session(path, "cpu"), path


def torch_says(network: Network, planes: Planes) -> np.ndarray:
    with torch.no_grad():
        tensors = to_torch(planes)
        if network.output == "log_odds":
            found = network.calibrated(tensors)[:, None]
        else:
            found = torch.softmax(network.calibrated_classes(tensors), dim=1)
        return np.asarray(found)


@pytest.mark.parametrize("name", CONFIGS)
def test_onnx_says_what_pytorch_says(name: str, tmp_path: Path) -> None:
    network, session, path = written(name, tmp_path)
    planes = planes_of(name, 50)
    found = session.run(planes)
    np.testing.assert_allclose(found, torch_says(network, planes), atol=1e-5)
    assert np.ptp(found) > 0.01, "a network that says the same of all rows shows nothing"
    onnx.checker.check_model(onnx.load(path))
    assert path.stat().st_size < 2e6


@pytest.mark.parametrize("name", CONFIGS)
def test_a_row_has_the_same_bits_in_any_company(name: str, tmp_path: Path) -> None:
    _, session, _ = written(name, tmp_path)
    planes = planes_of(name, 40)
    whole = session.run(planes)
    for n in range(1, 41):
        part = session.run({key: plane[:n] for key, plane in planes.items()})
        assert part.tobytes() == whole[:n].tobytes(), f"batch of {n}"
    if "mask" in planes:  # of which the engine pads each site to a length of its own
        return
    over_reads = [key for key in ("bases", "quals", "rows") if key in planes]
    for row in range(0, 40, 3):
        one = {key: plane[row : row + 1] for key, plane in planes.items()}
        if "bases" not in one:
            assert session.run(one).tobytes() == whole[row].tobytes()
            continue
        depth = int((one["bases"] != 17).any(axis=2).sum())
        for size in {max(depth, 1), depth + 1, depth + 5, 128}:
            padded = dict(one)
            for key in over_reads:
                empty = 17 if key == "bases" else 0
                shape = (1, size, *one[key].shape[2:])
                padded[key] = np.full(shape, empty, one[key].dtype)
                padded[key][:, :depth] = one[key][:, :depth]
            assert session.run(padded).tobytes() == whole[row].tobytes(), f"{depth} in {size}"


@pytest.mark.parametrize("name", CONFIGS)
def test_weights_come_back_from_the_file(name: str, tmp_path: Path) -> None:
    network, _, path = written(name, tmp_path)
    config = load_config(name, SMALL.get(name, ()))
    again = make_network(config)
    load_weights(again, config, path)
    again.eval()
    planes = planes_of(name, 20)
    np.testing.assert_array_equal(torch_says(again, planes), torch_says(network, planes))
    if name in ("read-set", "annotations"):
        other = load_config(name, ("network.hidden=[8]",))
        with pytest.raises(BadInput, match=r"it has no .* of shape"):
            load_weights(make_network(other), other, path)
    other = load_config(name, ('data.annotations=["QD"]', *SMALL.get(name, ())))
    with pytest.raises(BadInput, match=r"the same \[data\]"):
        load_weights(make_network(other), other, path)


def test_gatks_1d_network_is_expressed_exactly(gatk_models: Path) -> None:
    config = load_config("gatk-1d")
    network = make_network(config)
    load_weights(network, config, gatk_models / "gatk-1d.onnx")
    network.eval()
    planes = planes_of("gatk-1d", 60)
    expected = Session(gatk_models / "gatk-1d.onnx", "cpu").run(planes)
    found = torch_says(network, planes)
    assert np.abs(np.log(found) - np.log(expected)).max() < 1e-4
    small = load_config("gatk-1d", SMALL["gatk-1d"])
    with pytest.raises(BadInput, match="of shape"):
        load_weights(make_network(small), small, gatk_models / "gatk-1d.onnx")


def test_read_set_costs_less_than_a_million_products(tmp_path: Path) -> None:
    config = load_config("read-set")
    network = make_network(config)
    a_read = sum(layer.linear.weight.numel() for layer in network.read.layers)
    a_site = sum(module.linear.weight.numel() for module in [*network.hidden.layers, network.last])
    # A sum over reads in each of two groups: embedding, scalars, their squares.
    pooled = 2 * (network.read.layers[-1].linear.out_features + 2 * len(READ_SCALARS))
    assert config.data.read_limit * (a_read + pooled) + a_site < 1e6


def test_randomisation_repeats_keeps_shapes_and_can_be_off() -> None:
    config = load_config("read-set")
    planes = planes_of("read-set", 64)
    planes["annotations_from_reads"] = planes["annotations"] + 1
    keys, deviation = config.data.annotations, np.ones(7, np.float32)

    def changed(seed: int, *settings: str) -> Planes:
        options = load_config("read-set", settings).randomisation
        return randomise(planes, options, keys, deviation, np.random.default_rng(seed))

    once, twice, other = changed(1), changed(1), changed(2)
    for name in ("reads", "mask", "annotations", "variant"):
        np.testing.assert_array_equal(once[name], twice[name])
        assert once[name].shape == planes[name].shape
    assert not np.array_equal(once["reads"], other["reads"])
    assert "annotations_from_reads" not in once
    np.testing.assert_array_equal(once["variant"], planes["variant"])
    # A site keeps a read, and what is not a read stays empty.
    had = planes["mask"].sum(axis=1) > 0
    assert (once["mask"].sum(axis=1) > 0)[had].all()
    assert (once["mask"] <= planes["mask"]).all()
    assert not once["reads"][once["mask"] == 0].any()
    support = READ_SCALARS.index("supports_alt")
    kept = once["mask"] > 0
    np.testing.assert_array_equal(
        once["reads"][kept][:, support], planes["reads"][kept][:, support]
    )
    off = [f"randomisation.{name}=0" for name in vars(config.randomisation)]
    calm = changed(1, *off)
    np.testing.assert_array_equal(calm["mask"], planes["mask"])
    np.testing.assert_array_equal(calm["annotations"], planes["annotations"])
    free = [i for i, name in enumerate(READ_SCALARS) if name not in CLIPPED]
    np.testing.assert_array_equal(calm["reads"][..., free], planes["reads"][..., free])


def test_randomisation_thins_qual_with_the_reads_of_the_allele() -> None:
    planes = planes_of("read-set", 64)
    planes["reads"][..., READ_SCALARS.index("supports_alt")] = planes["mask"]
    planes["annotations"][:] = 100
    off = ["annotation_dropout", "annotation_noise", "depth_noise"]
    options = load_config("read-set", [f"randomisation.{name}=0" for name in off]).randomisation
    keys = ("QD", "QUAL", "FS", "SOR", "MQ", "MQRankSum", "RelativeDepth")
    once = randomise(planes, options, keys, np.ones(7, np.float32), np.random.default_rng(1))
    before, after = planes["mask"].sum(axis=1), once["mask"].sum(axis=1)
    assert (after < before).any()
    np.testing.assert_allclose(once["annotations"][:, 1], 100 * (after + 1) / (before + 1), 1e-5)
    assert (np.delete(once["annotations"], 1, axis=1) == 100).all()


def test_randomisation_makes_a_few_reads_odd() -> None:
    planes = planes_of("read-set", 256)
    planes["reads"][..., READ_SCALARS.index("mate_elsewhere")] = 0
    planes["reads"][..., READ_SCALARS.index("mismatches")] = 0
    others = [name for name in vars(load_config("read-set").randomisation) if name != "odd_reads"]
    options = load_config("read-set", [f"randomisation.{name}=0" for name in others]).randomisation
    once = randomise(planes, options, (), np.ones(7, np.float32), np.random.default_rng(1))
    there = planes["mask"] > 0
    lost = once["reads"][there][:, READ_SCALARS.index("mate_elsewhere")]
    wrong = once["reads"][there][:, READ_SCALARS.index("mismatches")]
    assert 0.005 < lost.mean() < 0.03
    assert 0.003 < (wrong > 0).mean() < 0.03
    assert wrong.max() <= 2


CLIPPED = {
    *("base_quality", "mismatches", "mismatches_q20", "mismatches_near", "clipped_fraction"),
    *("indels", "indels_near"),
}
"""Scalars that randomisation keeps within their range, which random planes leave."""
