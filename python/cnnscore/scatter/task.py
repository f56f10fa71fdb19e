"""What a worker does: score one shard into the work folder, with one network for all its shards."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnnscore.calls.output import OutputOptions
from cnnscore.calls.records import htslib_verbosity
from cnnscore.description import WindowScorer
from cnnscore.errors import BadInput
from cnnscore.score.open import EngineSettings
from cnnscore.score.options import ScoreOptions
from cnnscore.score.run import score_calls

log = logging.getLogger("cnnscore")


@dataclass(frozen=True)
class Task:
    """A shard to score."""

    name: str
    engine: EngineSettings
    calls: str
    reference: str
    reads: tuple[str, ...]
    options: ScoreOptions
    written: OutputOptions
    output: str
    """The shard's file in the work folder."""
    logs: str
    """The folder of the workers' logs."""
    threads: int | None


_opened: tuple[EngineSettings, bool, WindowScorer] | None = None


def score_shard(task: Task, *, in_worker: bool = True) -> dict[str, Any]:
    """Score a shard: its file's bytes and digest, counts, and who did it.

    Warnings go to the worker's log: what is to say of all shards is said once, by who has the plan.
    Errors: those of score_calls.
    """
    os.environ.setdefault("REF_PATH", os.devnull)
    htslib_verbosity(0)
    with _logged(Path(task.logs) / f"{worker_name()}.log" if in_worker else None):
        summary = score_calls(
            task.calls,
            _engine(task),
            reference=task.reference,
            reads=task.reads,
            output=task.output,
            written=task.written,
            options=task.options,
            threads=task.threads,
        )
    digest, size = digest_of(Path(task.output))
    return {
        "shard": task.name,
        "sha256": digest,
        "bytes": size,
        "sites": summary.sites,
        "scored": summary.scored,
        "reads": asdict(summary.reads),
        "seconds": round(summary.seconds, 3),
        "provider": summary.provider,
        "worker": worker_name(),
    }


def worker_name() -> str:
    """Of this process, for logs."""
    return f"{socket.gethostname()}-{os.getpid()}"


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of a file. Errors: BadInput."""
    try:
        with open(path, "rb", opener=_no_link) as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _engine(task: Task) -> WindowScorer:
    """It stays open from shard to shard."""
    global _opened  # noqa: PLW0603 - one network per process
    key = task.engine, bool(task.reads)
    if _opened is None or _opened[:2] != key:
        _opened = None  # never two networks at once
        _opened = (*key, task.engine.open(has_reads=key[1]))
    return _opened[2]


@contextmanager
def _logged(path: Path | None) -> Iterator[None]:
    """Messages of the block go to a worker's log; without one, nowhere."""
    handler: logging.Handler = logging.NullHandler()
    if path:
        handler = logging.FileHandler(path, delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before, propagates = log.handlers, log.propagate
    log.handlers, log.propagate = [handler], False
    try:
        yield
    finally:
        log.handlers, log.propagate = before, propagates
        handler.close()
