"""Imported networks against a numpy forward pass of the same HDF5 files."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest

from cnnscore.errors import BadInput
from cnnscore.network.keras_import import import_networks
from cnnscore.network.manifest import MANIFEST_KEY
from cnnscore.network.providers import DIRECT, FAST, PLAIN
from hosts.keras_networks import (
    ANNOTATIONS,
    NETWORKS,
    READ_MAP,
    Keras,
    line_network,
    reads_network,
)
from oracles.keras import KerasOracle, log_odds, read_tensor, reference_tensor

Array = npt.NDArray[Any]
Planes = dict[str, Array]


# ---- planes and sessions


def random_planes(rng: np.random.Generator, depths: list[int], rows: int) -> Planes:
    """Sites with the given numbers of reads in `rows` rows: every base code, quality, flag."""
    sites, window = len(depths), 128
    bases = np.full((sites, rows, window), 17, np.uint8)
    quals = np.zeros((sites, rows, window), np.uint8)
    ends = np.zeros((sites, rows, 2), np.uint8)
    for site, depth in enumerate(depths):
        for row in range(depth):
            start, length = int(rng.integers(0, 100)), int(rng.integers(1, 129))
            read = slice(start, min(window, start + length))
            width = read.stop - read.start
            odd = rng.random(width) < 0.2
            codes = np.where(odd, rng.integers(0, 18, width), 1 << rng.integers(0, 4, width))
            quals[site, row, read] = np.where(codes < 16, rng.integers(0, 256, width), 0)
            codes[:-1] |= 32
            bases[site, row, read] = codes
            ends[site, row] = rng.integers(0, 16), rng.integers(0, 256)
    return {
        "bases": bases,
        "quals": quals,
        "rows": ends,
        "reference": rng.integers(0, 7, (sites, window)).astype(np.uint8),
        "annotations": rng.normal(0, 3, (sites, 7)).astype(np.float32),
    }


def reference_planes(rng: np.random.Generator, sites: int) -> Planes:
    reference = rng.choice(np.array([0, 1, 2, 3, 5, 6], np.uint8), (sites, 128))
    annotations = rng.normal(0, 3, (sites, 7)).astype(np.float32)
    return {"reference": reference, "annotations": annotations}


def planes_of(onnx_bytes: bytes, rng: np.random.Generator, depths: list[int]) -> Planes:
    """Random planes of the encoding that a network's manifest names."""
    if manifest_of(onnx_bytes)["encoding"] == "gatk-reference":
        return reference_planes(rng, len(depths))
    return random_planes(rng, depths, max(1, *depths))


def pick(planes: Planes, sites: list[int], rows: int | None = None) -> Planes:
    """Some sites of a batch, with `rows` rows (cut or padded with empty ones)."""
    picked = {name: plane[sites] for name, plane in planes.items()}
    if rows is not None and "bases" in planes:
        for name, empty in (("bases", 17), ("quals", 0), ("rows", 0)):
            plane = picked[name][:, :rows]
            pads = [(0, 0), (0, rows - plane.shape[1]), (0, 0)]
            picked[name] = np.pad(plane, pads, constant_values=empty)
    return picked


def tensor_of(planes: Planes) -> Array:
    if "bases" not in planes:
        return np.asarray(reference_tensor(planes["reference"]))
    bases, quals, rows = planes["bases"], planes["quals"], planes["rows"]
    return np.asarray(read_tensor(bases, quals, rows, planes["reference"], 128))


def manifest_of(onnx_bytes: bytes) -> dict[str, Any]:
    properties = onnx.load_from_string(onnx_bytes).metadata_props
    text = {entry.key: entry.value for entry in properties}[MANIFEST_KEY]
    return dict(json.loads(text))


def session(onnx_bytes: bytes) -> Callable[[Planes], Array]:
    """A network as the engine runs it: one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    network = ort.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    return lambda planes: np.asarray(network.run(None, planes)[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras")


# ---- values


@pytest.mark.parametrize("form", [FAST, DIRECT, PLAIN])
@pytest.mark.parametrize("network", NETWORKS)
def test_agrees_with_numpy(folder: Path, network: str, form: str) -> None:
    path = NETWORKS[network](folder)
    [imported] = import_networks(path, form=form)
    run, oracle = session(imported.onnx), KerasOracle(path)
    rng = np.random.default_rng(7)
    for depths in ([0], [1, 0], [30, 3], [128, 121]):
        planes = planes_of(imported.onnx, rng, depths)
        expected = oracle.probabilities(tensor_of(planes), planes["annotations"])
        np.testing.assert_allclose(run(planes), expected, rtol=0, atol=1e-5)


def test_fourier_convolution_is_used_and_exact(folder: Path) -> None:
    path = line_network(folder, "tensorflow", "2.2.0")
    fast, plain = (import_networks(path, form=form)[0] for form in (FAST, PLAIN))
    kinds = [
        [node.op_type for node in onnx.load_from_string(n.onnx).graph.node] for n in (fast, plain)
    ]
    assert "MatMul" in kinds[0]
    assert "MatMul" not in kinds[1]
    planes = reference_planes(np.random.default_rng(8), 50)
    difference = session(fast.onnx)(planes) - session(plain.onnx)(planes)
    assert np.abs(difference).max() < 2e-6


# ---- one site, one result


@pytest.mark.parametrize("network", ["1d theano", "2d tensorflow", "2d theano"])
def test_result_depends_on_the_site_alone(folder: Path, network: str) -> None:
    [imported] = import_networks(NETWORKS[network](folder))
    check_site_decides(imported.onnx, sizes=[1, 2, 3, 7, 16, 40], rows=[13, 14, 40, 119, 128])


def check_site_decides(onnx_bytes: bytes, sizes: list[int], rows: list[int]) -> None:
    """Bit-identical probabilities for any batch size, position and number of empty rows."""
    run, rng = session(onnx_bytes), np.random.default_rng(9)
    depths = [int(depth) for depth in rng.integers(0, 13, max(sizes))]
    planes = planes_of(onnx_bytes, rng, depths)
    expected = run(planes)
    for size in sizes:
        sites = [int(site) for site in rng.permutation(len(depths))[:size]]
        own = max(1, *(depths[site] for site in sites)) if size > 1 else max(1, depths[sites[0]])
        np.testing.assert_array_equal(run(pick(planes, sites, own)), expected[sites])
    for count in rows:
        np.testing.assert_array_equal(run(pick(planes, [5, 2], count)), expected[[5, 2]])


# ---- manifest and files


def test_manifest_and_bytes(folder: Path) -> None:
    path = reads_network(folder)
    [imported] = import_networks(path, created_by="a test")
    assert imported.onnx == import_networks(path.with_suffix(".json"), created_by="a test")[0].onnx
    assert manifest_of(imported.onnx) == imported.manifest
    source = imported.manifest.pop("source")
    assert imported.manifest == {
        "schema": 1,
        "name": "reads",
        "encoding": "gatk-reads",
        "window": 128,
        "read_limit": 128,
        "annotations": ANNOTATIONS,
        "labels": ["NOT_SNP", "NOT_INDEL", "SNP", "INDEL"],
        "score": "gatk-log-odds",
        "info_key": "CNN_2D",
        "info_description": "Log odds of being a true variant versus being false under the "
        "trained 2D Convolutional Neural Network",
        "created_by": "a test",
    }
    assert source["file"] == source["member"] == "reads.hd5"
    assert (source["backend"], source["keras_version"]) == ("tensorflow", "2.2.0")


def test_jar_and_folder(folder: Path, tmp_path: Path) -> None:
    path = line_network(folder, "theano", "2.0.6")
    jar = tmp_path / "gatk.jar"
    with zipfile.ZipFile(jar, "w") as out:
        for part in (path, path.with_suffix(".json")):
            out.write(part, f"large/cnn_score_variants/small_2d{part.suffix}")
            (tmp_path / f"small_2d{part.suffix}").write_bytes(part.read_bytes())
    [packed] = import_networks(jar, "gatk-2d")
    assert packed.manifest["source"]["file"] == "gatk.jar"
    assert packed.manifest["source"]["member"] == "large/cnn_score_variants/small_2d.hd5"
    [loose] = import_networks(tmp_path)
    assert loose.name == packed.name == "gatk-2d"
    assert packed.manifest["info_key"] == "CNN_1D"


# ---- what is refused


def test_refuses_missing_parts(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.json: No such file"):
        import_networks(tmp_path / "nowhere.hd5")
    with pytest.raises(BadInput, match=r"no \.hd5 file in this folder; gatk-4\.6\.0\.0\.jar"):
        import_networks(tmp_path)
    with pytest.raises(BadInput, match=r"can't be read as a jar"):
        import_networks(tmp_path / "no.jar")
    jar = tmp_path / "new.jar"
    with zipfile.ZipFile(jar, "w") as out:
        out.writestr("large/nvscorevariants/1d_cnn_mix_train_full_bn.pt", b"")
    with pytest.raises(BadInput, match=r"only PyTorch ones .* gatk-4\.6\.0\.0\.jar"):
        import_networks(jar)
    with zipfile.ZipFile(jar, "w") as out:
        out.writestr("small_2d.hd5", b"")
    with pytest.raises(BadInput, match=r"small_2d\.hd5 has no small_2d\.json"):
        import_networks(jar)
    path = reads_network(folder)
    with pytest.raises(BadInput, match="no network named gatk-1d; choose one of reads"):
        import_networks(path, "gatk-1d")


@pytest.mark.parametrize(
    ("semantics", "message"),
    [
        ({"input_tensor_map": {**READ_MAP, "read_A": 1, "read_C": 0}}, "orders the channels"),
        ({"input_tensor_map_name": "paired_reads"}, "tensor type 'paired_reads'"),
        ({"output_labels": {"SNP": 0, "NOT_SNP": 1}}, "output labels"),
        ({"read_limit": None}, "lacks read_limit"),
        ({"read_limit": 64}, r"shape \(128, 128, 15\), which its \.json doesn't describe"),
    ],
)
def test_refuses_other_descriptions(
    tmp_path: Path, semantics: dict[str, Any], message: str
) -> None:
    path = reads_network(tmp_path)
    description = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**description, **semantics}))
    with pytest.raises(BadInput, match=message):
        import_networks(path)


def test_refuses_broken_files(tmp_path: Path) -> None:
    path = reads_network(tmp_path)
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(BadInput, match=r"reads\.hd5: not a whole Keras 2 model file"):
            import_networks(path)
    path.write_bytes(whole)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(BadInput, match=r"reads\.hd5: its \.json is not JSON"):
        import_networks(path)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda keras, x: keras.layer("LSTM", [x], units=3), "is a LSTM; only these"),
        (lambda keras, x: keras.conv(x, (3, 4, 2), strides=[2]), r"has strides \[2\]"),
        (lambda keras, x: keras.conv(x, (3, 4, 2), activation="elu"), "has activation elu"),
        (lambda keras, x: keras.conv(x, (3, 5, 2)), "is broken .*shapes don't fit"),
        (lambda keras, x: keras.conv("nothing", (3, 4, 2)), "is broken .*nothing"),
        (lambda keras, x: keras.dense(x, 4, 4), "follows no Flatten"),
        (lambda keras, x: x, "maps 1 inputs"),
    ],
)
def test_refuses_layers(tmp_path: Path, build: Callable[[Keras, str], str], message: str) -> None:
    keras = Keras()
    output = build(keras, keras.input("reference", 128, 4))
    with pytest.raises(BadInput, match=message):
        import_networks(keras.save(tmp_path, "odd", output))


# ---- GATK's own networks


@pytest.fixture(scope="module")
def jar() -> Path:
    name = os.environ.get("CNNSCORE_GATK_JAR")
    if not name:
        pytest.skip(
            "needs GATK's jar in CNNSCORE_GATK_JAR: run by `make test`, not by `make test-core`"
        )
    return Path(name)


@pytest.mark.parametrize(
    ("name", "depths"),
    [("gatk-1d", [0] * 5), ("gatk-2d", [31, 0, 1]), ("gatk-2d", [128]), ("gatk-2d-large", [20])],
)
def test_real_networks_agree_with_numpy(
    jar: Path, tmp_path: Path, name: str, depths: list[int]
) -> None:
    [imported] = import_networks(jar, name)
    hd5 = tmp_path / "network.hd5"
    with zipfile.ZipFile(jar) as packed:
        hd5.write_bytes(packed.read(imported.manifest["source"]["member"]))
    planes = planes_of(imported.onnx, np.random.default_rng(10), depths)
    planes["annotations"] = np.abs(planes["annotations"]) * 10
    expected = KerasOracle(hd5).probabilities(tensor_of(planes), planes["annotations"])
    actual = session(imported.onnx)(planes)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
    for kind in ("snp", "indel"):
        difference = log_odds(actual, kind) - log_odds(expected, kind)
        assert np.abs(difference).max() < 2e-5


@pytest.mark.parametrize("name", ["gatk-1d", "gatk-2d"])
def test_real_results_depend_on_the_site_alone(jar: Path, name: str) -> None:
    [imported] = import_networks(jar, name)
    check_site_decides(imported.onnx, sizes=[1, 2, 3, 5, 9, 16], rows=[13, 25, 60, 104, 128])
