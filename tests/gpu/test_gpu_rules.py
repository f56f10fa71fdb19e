"""A GPU's calls, made on the CPU: its batches, its form of the graph, its sessions in turns."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.calls.output import OutputOptions
from cnnscore.errors import BadInput
from cnnscore.network.lanes import Lanes, ordinary
from cnnscore.network.providers import DIRECT, PROVIDERS
from cnnscore.network.session import Session
from cnnscore.network.store import form_path
from cnnscore.score.engine import Engine
from cnnscore.score.options import ScoreOptions
from cnnscore.score.run import score_calls
from conftest import DATA
from hosts.server import Windows, make_windows
from oracles.golden_scores import GOLDEN, assert_scores, expected, tsv_scores

PROMISE = 5e-4
"""What batches may change of a score on a GPU: three decimals are the same."""


@pytest.fixture(scope="module")
def networks(gatks_networks: Path) -> Path:
    return gatks_networks


def written(engine: Engine, calls: str, reads: str, downsampling: str, out: Path) -> None:
    score_calls(
        str(DATA / f"{calls}.vcf.gz"),
        engine,
        reference=str(DATA / "ref.fa"),
        reads=[str(DATA / f"{reads}.bam")] if reads else [],
        output=str(out),
        written=OutputOptions(),
        options=ScoreOptions(downsampling=downsampling),
        threads=2,
    )


def test_both_providers_of_gpus_have_the_same_rules() -> None:
    """So what holds here for `rules="cuda"` holds for both."""
    assert PROVIDERS["tensorrt"].rules is PROVIDERS["cuda"].rules


@pytest.mark.parametrize("calls", ["calls", "deep"])
def test_golden_scores_with_reads(networks: Path, tmp_path: Path, calls: str) -> None:
    engine = Engine(str(networks / "gatk-2d.onnx"), provider="cpu", rules="cuda")
    written(engine, calls, {"calls": "reads"}.get(calls, calls), "gatk", tmp_path / "out.vcf")
    nv, cnn = (tsv_scores(GOLDEN / f"{calls}.{tool}2d.tsv") for tool in ("nv", "cnn"))
    assert_scores(tmp_path / "out.vcf", "CNN_2D", expected(nv, cnn))


def test_golden_scores_without_reads(networks: Path, tmp_path: Path) -> None:
    engine = Engine(str(networks / "gatk-1d.onnx"), provider="cpu", rules="cuda")
    written(engine, "calls", "", "site", tmp_path / "out.vcf")
    nv, cnn = (tsv_scores(GOLDEN / f"calls.{tool}1d.tsv") for tool in ("nv", "cnn"))
    assert_scores(tmp_path / "out.vcf", "CNN_1D", expected(nv, cnn))


@pytest.fixture(scope="module")
def windows(networks: Path) -> dict[str, Windows]:
    """Sites with their scores by the CPU's own rules."""
    return {
        kind: make_windows(kind, str(networks / f"{name}.onnx"))
        for kind, name in (("reads", "gatk-2d"), ("reference", "gatk-1d"))
    }


@pytest.mark.parametrize("size", [1, 7, 16, 100, 256])
@pytest.mark.parametrize("kind", ["reads", "reference"])
def test_the_site_decides_as_far_as_is_promised(
    windows: dict[str, Windows], kind: str, size: int
) -> None:
    case = windows[kind]
    engine = Engine(case.model, provider="cpu", rules="cuda", batch_size=size)
    turned = np.argsort(np.random.default_rng(size).random(len(case.batch)))
    np.testing.assert_allclose(engine.score(case.batch), case.scores, rtol=0, atol=PROMISE)
    some = turned[: max(size % len(turned), 3)]
    parts = [engine.score(case.batch.part(int(i), int(i) + 1))[0] for i in some[:3]]
    np.testing.assert_allclose(parts, case.scores[some[:3]], rtol=0, atol=PROMISE)


@pytest.mark.parametrize("kind", ["read-set", "reference"])
def test_our_own_networks(stand_ins: dict[str, str], kind: str) -> None:
    plain = make_windows("reads" if kind == "read-set" else kind, stand_ins[kind])
    engine = Engine(stand_ins[kind], provider="cpu", rules="cuda")
    np.testing.assert_allclose(engine.score(plain.batch), plain.scores, rtol=0, atol=PROMISE)
    np.testing.assert_allclose(
        engine.score_alleles(plain.batch),
        Engine(stand_ins[kind], provider="cpu").score_alleles(plain.batch),
        rtol=0,
        atol=PROMISE,
    )


# ---- calls of few shapes


class Watched:
    """A session that notes the shapes of its calls."""

    def __init__(self, session: Any, seen: set[tuple[int, ...]]) -> None:
        self._session, self._seen = session, seen

    def io_binding(self) -> Any:
        binding, seen = self._session.io_binding(), self._seen

        class Binding:
            own = binding

            def bind_cpu_input(self, name: str, array: np.ndarray) -> None:
                if name == "bases":
                    seen.add(array.shape)
                binding.bind_cpu_input(name, array)

            def __getattr__(self, name: str) -> Any:
                return getattr(binding, name)

        return Binding()

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        self._session.run_with_iobinding(binding.own, options)


def test_calls_have_few_shapes(tiny: dict[str, str]) -> None:
    case, seen = make_windows("reads", tiny["reads"]), set[tuple[int, ...]]()
    for size in range(1, 20):
        engine = Engine(case.model, provider="cpu", rules="cuda", batch_size=size)
        own = engine.session
        own._lanes = Lanes([Watched(own._session, seen)], ordinary)
        engine.score(case.batch.part(0, size))
    assert {shape[0] for shape in seen} == {8, 16, 32}
    assert all(shape[1] % 16 == 0 for shape in seen)


def test_two_calls_are_under_way_and_no_third() -> None:
    at_once, most, gate = 0, 0, threading.Semaphore(0)
    counting, entered = threading.Lock(), threading.Semaphore(0)

    class Slow:
        def io_binding(self) -> Any:
            class Binding:
                def __getattr__(self, _: str) -> Any:
                    return lambda *_: [np.zeros((8, 4), np.float32)]

            return Binding()

        def run_with_iobinding(self, *_: Any) -> None:
            nonlocal at_once, most
            with counting:
                at_once += 1
                most = max(most, at_once)
            entered.release()
            gate.acquire()
            with counting:
                at_once -= 1

    lanes = Lanes([Slow(), Slow()], ordinary)
    planes = {"annotations": np.zeros((3, 7), np.float32)}

    def work() -> None:
        with lanes.free() as lane:
            lane.call("probabilities", planes, 8, None)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    entered.acquire()
    entered.acquire()
    for _ in threads:
        gate.release()
    for thread in threads:
        thread.join(60)
    assert most == 2


def test_a_call_is_filled_up_and_its_memory_used_again() -> None:
    given: list[tuple[int, np.ndarray]] = []

    class Session:
        def io_binding(self) -> Any:
            class Binding:
                def bind_cpu_input(self, name: str, array: np.ndarray) -> None:
                    given.append((array.ctypes.data, array.copy()))

                def __getattr__(self, _: str) -> Any:
                    return lambda *_: [None]

            return Binding()

        def run_with_iobinding(self, *_: Any) -> None:
            return None

    asked: list[int] = []

    def allocate(size: int) -> np.ndarray:
        asked.append(size)
        return ordinary(size)

    with Lanes([Session()], allocate).free() as lane:
        for n in (3, 5, 2):
            rows = np.arange(n * 2, dtype=np.float32).reshape(n, 2)
            lane.call("probabilities", {"annotations": rows}, 8, None)
    assert asked == [8 * 2 * 4]
    assert len({place for place, _ in given}) == 1
    assert given[0][1][:, 1].tolist() == [1, 3, 5, 5, 5, 5, 5, 5]


# ---- what jobs and batches are


def test_jobs_are_no_smaller_than_calls(tiny: dict[str, str]) -> None:
    for provider in ("cpu", "cuda"):
        sizes = PROVIDERS[provider].rules.sizes["gatk-reads"]
        engine = Engine(tiny["reads"], provider="cpu", rules=provider)
        assert (engine.batch_size, engine.description.sites_per_job) == (sizes.call, sizes.job)
        engine = Engine(tiny["reads"], provider="cpu", rules=provider, batch_size=3000)
        assert (engine.batch_size, engine.description.sites_per_job) == (3000, 3000)


# ---- forms


def test_import_writes_the_form_of_gpus(networks: Path) -> None:
    for name in ("gatk-1d", "gatk-2d"):
        assert form_path(networks / f"{name}.onnx", DIRECT).is_file()
    assert sorted(path.name for path in networks.glob("*.onnx")) == ["gatk-1d.onnx", "gatk-2d.onnx"]


def test_a_form_of_another_network_is_refused(networks: Path, tmp_path: Path) -> None:
    network = tmp_path / "gatk-2d.onnx"
    network.write_bytes((networks / "gatk-2d.onnx").read_bytes())
    form = form_path(network, DIRECT)
    form.parent.mkdir()
    form.write_bytes(form_path(networks / "gatk-1d.onnx", DIRECT).read_bytes())
    with pytest.raises(BadInput, match="is of another network than"):
        Session(network, "cpu", rules="cuda")
    assert Session(network, "cpu").provider == "cpu"  # which does not look at it


def test_a_network_without_its_form_says_so(
    networks: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network = tmp_path / "gatk-1d.onnx"
    network.write_bytes((networks / "gatk-1d.onnx").read_bytes())
    Session(network, "cpu", rules="cuda")
    assert "without the form that is quick on a GPU" in caplog.text


def test_padding() -> None:
    rules = PROVIDERS["cuda"].rules
    assert [rules.padded(n) for n in (1, 8, 9, 64, 65)] == [8, 8, 16, 64, 128]
    assert replace(rules, least_rows=0).padded(5) == 5
