"""A shard that kills its worker is tried three times and named; the others are scored."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from cnnscore.calls.output import OutputOptions
from cnnscore.description import Description, WindowScorer
from cnnscore.errors import BadInput
from cnnscore.progress import NoProgress
from cnnscore.scatter.cluster import cluster_runner
from cnnscore.scatter.table import Job
from cnnscore.scatter.task import Task
from cnnscore.scatter.work import Runner, WorkOptions, score_in_shards
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import ScoreOptions
from conftest import DATA

pytest.importorskip("distributed", reason="needs the extra cnnscore[cluster]: run by `make test`")
cloudpickle = pytest.importorskip(
    "cloudpickle", reason="comes with cnnscore[cluster]: run by `make test`"
)
N = 12


@dataclass(frozen=True)
class Deadly(EngineSettings):
    """The process that opens it is killed, as by a system that is out of memory."""

    told: str = ""

    def open(self, *, has_reads: bool) -> WindowScorer:
        with Path(self.told).open("a") as file:
            file.write("dead\n")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(has_reads)


@dataclass(frozen=True)
class Poisoned:
    """A runner with one shard that kills."""

    runner: Runner
    shard: str
    told: Path

    def network(self, engine: EngineSettings, *, has_reads: bool) -> Description:
        return self.runner.network(engine, has_reads=has_reads)

    def run(
        self, tasks: Sequence[Task], *, again: bool
    ) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
        return self.runner.run([self._given(task) for task in tasks], again=again)

    def workers(self) -> int:
        return self.runner.workers()

    def _given(self, task: Task) -> Task:
        if task.name != self.shard:
            return task
        engine = {field.name: getattr(task.engine, field.name) for field in fields(task.engine)}
        return replace(task, engine=Deadly(**{**engine, "told": str(self.told)}))


@pytest.mark.parametrize("config", ["", "[resources]\nGPU = 1\n"])
@pytest.mark.parametrize("shard", [2, N])
def test_the_others_are_scored(
    config: str, shard: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    toml, told, name = tmp_path / "cluster.toml", tmp_path / "deaths", f"1-{shard:06}"
    toml.write_text(config)
    folder = str(tmp_path / "work")
    with (
        cluster_runner(
            "local:2",
            cluster_config=str(toml),
            insecure=False,
            threads=1,
            folder=folder,
            say=lambda _: None,
        ) as (runner, threads),
        pytest.raises(BadInput, match=rf"1 of {N} shards .*; {name} \(syn") as failed,
    ):
        score_in_shards(
            [Job(str(DATA / "calls.vcf.gz"), (), str(tmp_path / "out.vcf"))],
            reference=str(DATA / "ref.fa"),
            engine=EngineSettings(model="reference"),
            written=OutputOptions(),
            options=ScoreOptions(),
            work=WorkOptions(folder, N, threads),
            runner=Poisoned(runner, name, told),
            progress=NoProgress(),
        )
    assert told.read_text() == "dead\n" * 3
    assert f"logs: {folder}/logs" in str(failed.value)
    assert (tmp_path / "work" / "shards.jsonl").read_text().count("sha256") == N - 1
    assert caplog.text.count(f"the shard {name} failed, and is tried again") == 2
    logs = [path.read_text() for path in (tmp_path / "work" / "logs").iterdir()]
    assert sum(f"shard {name}" in text for text in logs) == 3
