"""The folder of a training run: what a run goes on from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from cnnscore.errors import BadOutput, UsageError
from cnnscore.network.store import digest_of


def prepare(
    output: Path, network: Path, sources: Sequence[Path], *, resume: bool, overwrite: bool
) -> Path:
    """Clear the folder of an earlier run, where that is wanted; the path of the checkpoint.

    Errors: UsageError when there is one and nobody said what to do with it, or when `network`,
    which the run replaces, is one of the networks that it is made from, `sources`.
    """
    checkpoint = output / "checkpoint.pt"
    if network.exists() and any(network.samefile(source) for source in sources):
        raise UsageError(
            f"{network} would be replaced, and the run starts or learns from it: give another "
            "folder, or another name (`settings=name=NAME`)"
        )
    there = [path for path in (network, checkpoint) if path.exists()]
    if there and not (resume or overwrite):
        raise UsageError(
            f"{there[0]} is there already: `resume=` goes on from a checkpoint, `overwrite=` "
            "starts again"
        )
    try:
        if not resume:
            for path in (network.with_suffix(".md"), network, checkpoint):
                path.unlink(missing_ok=True)
            shutil.rmtree(output / "tensorboard", ignore_errors=True)
    except OSError as error:
        raise BadOutput(f"cannot write into {output}: {error.strerror}") from None
    return checkpoint


def digests(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file. Errors: BadInput."""
    return [digest_of(path) for path in paths]
