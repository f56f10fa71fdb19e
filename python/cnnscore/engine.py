"""WindowBatch -> scores: encode, batch, run, and read the score off the probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import KIND_INDEL, KIND_OTHER, KIND_SNP, WindowBatch
from cnnscore.encode import NativeBatch
from cnnscore.errors import BadBatch
from cnnscore.model import Manifest, find_model
from cnnscore.session import Session

EPSILON = 1e-7


def gatk_log_odds(
    probabilities: NDArray[np.float32], kind: NDArray[np.uint8], labels: tuple[str, ...]
) -> NDArray[np.float32]:
    """Scores float32 [n] of probabilities [n, 4]: ln(eps + p_true / (p_not + eps)), eps = 1e-7.

    SNP and INDEL sites use their own two classes, all others the larger of both scores: the
    formula of GATK's CNNScoreVariants. Below about -16.118 it does not go.
    """

    def log_odds(true: str, artefact: str) -> NDArray[np.float32]:
        p_true = probabilities[:, labels.index(true)]
        p_artefact = probabilities[:, labels.index(artefact)]
        odds: NDArray[np.float32] = np.log(EPSILON + p_true / (p_artefact + EPSILON))
        return odds

    snp, indel = log_odds("SNP", "NOT_SNP"), log_odds("INDEL", "NOT_INDEL")
    return np.select(
        [kind == KIND_SNP, kind == KIND_INDEL, kind == KIND_OTHER],
        [snp, indel, np.maximum(snp, indel)],
    ).astype(np.float32)


class Engine:
    """A network with its encoding: scores window batches, from any number of threads.

    `model` is a name that `cnnscore model list` shows, or a path. `batch_size` is the number of
    sites a network call takes; it changes speed and memory, never a score.
    """

    def __init__(
        self, model: str, *, provider: str = "auto", batch_size: int | None = None
    ) -> None:
        self.session = Session(find_model(model), provider)
        self.batch_size = batch_size or self.manifest.encoder.sites_per_run

    @property
    def manifest(self) -> Manifest:
        """What the network takes and gives."""
        return self.session.manifest

    def check(self, batch: WindowBatch) -> None:
        """Errors: BadBatch when a sound batch is not one for this network."""
        manifest = self.manifest
        columns = batch.annotations.shape[1]
        if columns != len(manifest.annotations):
            raise BadBatch(
                f"window batch: {columns} annotations a site where {manifest.name} takes "
                f"{len(manifest.annotations)} ({', '.join(manifest.annotations)})"
            )
        if manifest.encoder.needs_reads and len(batch):
            deepest = int(np.argmax(batch.depth))
            if batch.depth[deepest] > manifest.read_limit:
                raise BadBatch(
                    f"window batch: {batch.depth[deepest]} reads at {batch.place(deepest)} where "
                    f"{manifest.name} takes {manifest.read_limit}: sample them"
                )

    def score(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Scores float32 [N] in site order; NaN where the network gave no finite one.

        Errors: BadBatch when the batch contradicts itself or lacks what the encoding needs.
        """
        self.check(batch)
        scores = np.full(len(batch), np.nan, np.float32)
        native = NativeBatch(batch)
        # Sites of like depth together: a network call is as deep as its deepest site.
        by_depth = np.argsort(batch.depth, kind="stable")
        for begin in range(0, len(batch), self.batch_size):
            order = by_depth[begin : begin + self.batch_size]
            planes = self.manifest.encoder.encode(native, order, self.manifest.window)
            probabilities = self.session.run(planes)
            scores[order] = gatk_log_odds(probabilities, batch.kind[order], self.manifest.labels)
        scores[~np.isfinite(scores)] = np.nan
        return scores
