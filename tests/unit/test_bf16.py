"""bf16: what is refused and why, on any machine; where there is AMX, the scores themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cnnscore.batch import WindowBatch
from cnnscore.calls.output import OutputOptions
from cnnscore.cli import main
from cnnscore.errors import BadInput, InternalError, UsageError
from cnnscore.network import bf16
from cnnscore.network.providers import BF16, DIRECT
from cnnscore.network.session import Session
from cnnscore.network.store import form_path
from cnnscore.score.engine import Engine
from cnnscore.score.options import ScoreOptions
from cnnscore.score.run import score_calls
from conftest import DATA, scores_of
from hosts.amx import needs_amx
from hosts.server import Windows, make_windows
from oracles.golden_scores import GOLDEN, expected, tsv_scores

PROMISE = 0.05
"""The largest error of a score."""


@pytest.fixture
def amx(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that says it has AMX."""
    monkeypatch.setattr(bf16, "cpu_flags", lambda: {"fpu", *bf16.NEEDED_FLAGS})


# ---- refusals


def refusal(network: str | Path, provider: str = "auto") -> str:
    with pytest.raises(UsageError) as caught:
        Session(Path(network), provider, precision="bf16")
    return str(caught.value)


@pytest.mark.parametrize("flags", [set(), {"avx512_bf16"}, {"amx_tile", "amx_int8"}])
def test_a_processor_without_it(
    tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch, flags: set[str]
) -> None:
    monkeypatch.setattr(bf16, "cpu_flags", lambda: flags)
    said = refusal(tiny["reads"])
    assert said == (
        "`precision=bf16` does not work here: this processor has no AMX for bf16 (amx_bf16 in "
        "/proc/cpuinfo); take `precision=exact`"
    )


@pytest.mark.usefixtures("amx")
def test_without_openvino(tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    said = refusal(tiny["reads"])
    assert "not installed" in said
    assert "openvino" in said.partition("pip install ")[2]


@pytest.mark.usefixtures("amx")
def test_a_network_without_the_form(tiny: dict[str, str]) -> None:
    pytest.importorskip("openvino", reason="needs the extra `openvino`: run by `make test`")
    said = refusal(tiny["reads"])
    assert f"wants {form_path(Path(tiny['reads']), DIRECT)}" in said
    assert "`cnnscore model import`" in said


@pytest.mark.usefixtures("amx")
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_on_a_gpu(tiny: dict[str, str], provider: str) -> None:
    said = refusal(tiny["reads"], provider)
    assert said.startswith(f"`precision=bf16` is for the CPU, not for `provider={provider}`")


@pytest.mark.usefixtures("amx")
@pytest.mark.parametrize("kind", ["read-set", "reference"])
def test_networks_that_it_does_not_help(stand_ins: dict[str, str], kind: str) -> None:
    assert "is no faster in it: take `precision=exact`" in refusal(stand_ins[kind])


def test_a_precision_that_there_is_not(tiny: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="no precision 'int8': there are exact, bf16"):
        Session(Path(tiny["reads"]), precision="int8")


def test_flags_are_read_as_linux_says_them() -> None:
    flags = bf16.cpu_flags()
    assert not any("=" in flag or ":" in flag for flag in flags - {":"})
    assert sys.platform != "linux" or os.uname().machine != "x86_64" or "fpu" in flags


def test_openvino_says_nothing_to_its_maker(tmp_path: Path) -> None:
    """Its import would: by a package of its own, over the network, and to a file under $HOME."""
    pytest.importorskip("openvino", reason="needs the extra `openvino`: run by `make test`")
    code = """
import sys
from cnnscore.network.bf16 import openvino
openvino().Core()
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""
    env = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=env, check=True)
    assert not list(tmp_path.iterdir())


# ---- scores, where there is AMX


@pytest.fixture(scope="module")
def windows(gatks_networks: Path) -> dict[str, Windows]:
    """Sites with their exact scores."""
    needs_amx()
    return {
        kind: make_windows(kind, str(gatks_networks / f"{name}.onnx"))
        for kind, name in (("reads", "gatk-2d"), ("reference", "gatk-1d"))
    }


def bits(engine: Engine, batch: WindowBatch) -> bytes:
    return engine.score(batch).tobytes()


@pytest.mark.parametrize("kind", ["reads", "reference"])
def test_the_site_decides_its_score(windows: dict[str, Windows], kind: str) -> None:
    case = windows[kind]
    engine = Engine(case.model, precision="bf16")
    wanted = engine.score(case.batch)
    np.testing.assert_allclose(wanted, case.scores, rtol=0, atol=PROMISE)
    assert (wanted != case.scores).any()
    n = len(case.batch)
    for i in range(n):
        assert bits(engine, case.batch.part(i, i + 1)) == wanted[i : i + 1].tobytes(), i
    rng = np.random.default_rng(1)
    for size in (2, 3, 7, 8, 9, 16, 17, 64):
        first = int(rng.integers(0, max(n - size, 1)))
        part = case.batch.part(first, min(first + size, n))
        assert bits(engine, part) == wanted[first : first + size].tobytes(), size
        other = Engine(case.model, precision="bf16", batch_size=size)
        assert bits(other, case.batch) == wanted.tobytes(), size
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: bits(engine, case.batch), range(8)):
            assert scores == wanted.tobytes()


@pytest.mark.parametrize("kind", ["reads", "reference"])
def test_rows_do_not_see_each_other(windows: dict[str, Windows], kind: str) -> None:
    """Planes in another order, and beside others."""
    engine = Engine(windows[kind].model, precision="bf16")
    rng = np.random.default_rng(2)
    for _, planes in engine.planes(windows[kind].batch):
        wanted = engine.session.run(planes)
        for _ in range(3):
            order = rng.permutation(len(wanted))
            turned = {name: plane[order] for name, plane in planes.items()}
            assert engine.session.run(turned).tobytes() == wanted[order].tobytes()


def test_calls_have_the_shape_of_their_sites(windows: dict[str, Windows]) -> None:
    engine = Engine(windows["reads"].model, precision="bf16")
    batch = windows["reads"].batch
    for rows, planes in engine.planes(batch):
        depth = batch.depth[rows.site]
        assert (planes["bases"].shape[1] == np.maximum(-(-depth // 16), 1) * 16).all()
    assert engine.batch_size == BF16.sizes["gatk-reads"].call


@pytest.mark.parametrize(
    ("calls", "reads", "name"),
    [("calls", "reads", "2d"), ("deep", "deep", "2d"), ("calls", "", "1d"), ("edge", "", "1d")],
)
def test_golden_scores(
    gatks_networks: Path, tmp_path: Path, calls: str, reads: str, name: str
) -> None:
    needs_amx()
    out = tmp_path / "out.vcf"
    score_calls(
        str(DATA / f"{calls}.vcf.gz"),
        Engine(str(gatks_networks / f"gatk-{name}.onnx"), precision="bf16"),
        reference=str(DATA / "ref.fa"),
        reads=[str(DATA / f"{reads}.bam")] if reads else [],
        output=str(out),
        written=OutputOptions(),
        options=ScoreOptions(downsampling="gatk"),
        threads=2,
    )
    nv, cnn = (tsv_scores(GOLDEN / f"{calls}.{tool}{name}.tsv") for tool in ("nv", "cnn"))
    wanted = np.array(expected(nv, cnn))
    got = np.array([float(text or "nan") for text in scores_of(out, f"CNN_{name.upper()}")])
    assert np.isfinite(wanted).any()
    there = np.isfinite(wanted)
    assert np.abs(got - wanted)[there].max() <= PROMISE


def test_a_call_is_stopped(windows: dict[str, Windows]) -> None:
    network = bf16.Bf16Network
    session = Session(Path(windows["reads"].model), precision="bf16")
    assert isinstance(session._reduced, network)
    planes = {"annotations": np.zeros((3, 7), np.float32)}
    with pytest.raises(InternalError, match="stopped"):
        session._reduced.call("probabilities", planes, lambda: True)


def test_a_network_that_openvino_computes_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO 2026.4 does gatk-2d-large: refused, or as good as the others."""
    needs_amx()
    if not (jar := os.environ.get("CNNSCORE_GATK_JAR")):
        pytest.skip("needs GATK's jar in CNNSCORE_GATK_JAR: run by `make test`")
    monkeypatch.setenv("CNNSCORE_MODELS", str(tmp_path))
    assert main(["model", "import", jar, "--only", "gatk-2d-large"]) == 0
    case = make_windows("reads", str(tmp_path / "gatk-2d-large.onnx"))
    said = ""
    try:
        scores = Engine(case.model, precision="bf16").score(case.batch)
    except UsageError as error:
        said = str(error)
    if said:
        assert "computes the convolutions of" in said
        assert said.endswith("wrongly; take `precision=exact`")
    else:
        np.testing.assert_allclose(scores, case.scores, rtol=0, atol=PROMISE)


def test_convolutions_are_compared(
    windows: dict[str, Windows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bf16, "MOST_ERROR", 1e-6)
    with pytest.raises(UsageError, match=r"computes the convolutions of .* wrongly"):
        Engine(windows["reads"].model, precision="bf16")


def test_a_form_of_another_network(gatks_networks: Path, tmp_path: Path) -> None:
    needs_amx()
    path = tmp_path / "gatk-2d.onnx"
    shutil.copy(gatks_networks / "gatk-2d.onnx", path)
    (tmp_path / DIRECT).mkdir()
    shutil.copy(form_path(gatks_networks / "gatk-1d.onnx", DIRECT), form_path(path, DIRECT))
    with pytest.raises(BadInput, match="is of another network"):
        Session(path, precision="bf16")


def test_amx_that_openvino_does_not_use(gatks_networks: Path) -> None:
    needs_amx()
    code = "import sys; from pathlib import Path; from cnnscore.network.session import Session\n"
    code += "Session(Path(sys.argv[1]), precision='bf16')"
    env = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}
    command = [sys.executable, "-c", code, str(gatks_networks / "gatk-1d.onnx")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "OpenVINO does not use the processor's AMX" in done.stderr
