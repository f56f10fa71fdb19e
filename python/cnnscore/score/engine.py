"""WindowBatch -> scores: encode, batch, run, and read the score off the probabilities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import KIND_INDEL, KIND_OTHER, KIND_SNP, WindowBatch
from cnnscore.description import MOST_SITES, Description
from cnnscore.errors import UsageError
from cnnscore.network.encode import NativeBatch, PlaneRows, Planes, PlaneSpec, padded_depth
from cnnscore.network.manifest import Manifest
from cnnscore.network.session import Session
from cnnscore.network.store import find_model
from cnnscore.score.trial import TRIAL_SECONDS, trial_batch, try_out

EPSILON = 1e-7


def gatk_log_odds(
    probabilities: NDArray[np.float32], kind: NDArray[np.uint8], labels: tuple[str, ...]
) -> NDArray[np.float32]:
    """Scores float32 [n] of probabilities [n, 4]: ln(eps + p_true / (p_not + eps)), eps = 1e-7.

    SNP and INDEL sites use their own two classes, all others the larger of both scores: the
    formula of GATK's CNNScoreVariants. It does not go below about -16.118.
    """

    def log_odds(true: str, artefact: str) -> NDArray[np.float32]:
        p_true = probabilities[:, labels.index(true)]
        p_artefact = probabilities[:, labels.index(artefact)]
        with np.errstate(all="ignore"):  # what is not finite is no score
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
    sites per network call; it changes speed and memory, never a score (on a GPU: never its first
    three decimals). `annotations_from` is
    "caller", "reads" or "fill" (encode.PlaneSpec), by default the encoding's own. `precision` is
    "exact" or "bf16" (Session). Errors: UsageError, and BadInput also when the network fails on
    trial sites (trial.py). `rules` is for tests (Session).
    """

    def __init__(
        self,
        model: str,
        *,
        provider: str = "auto",
        batch_size: int | None = None,
        annotations_from: str | None = None,
        rules: str | None = None,
        precision: str = "exact",
    ) -> None:
        self.session: Session = Session(
            find_model(model), provider, batch_size=batch_size, rules=rules, precision=precision
        )
        can = self.manifest.encoder.annotations_from
        if annotations_from is not None and annotations_from not in can:
            raise UsageError(
                f"annotations from {annotations_from!r}: the network {self.manifest.name} takes "
                f"them from {' or '.join(can)}"
            )
        self.spec: PlaneSpec = replace(
            self.manifest.planes(annotations_from), read_step=self.session.rules.read_step
        )
        """What its planes are made by."""
        self.batch_size: int = self.session.batch_size
        # TensorRT builds the network in its first call, which may take minutes.
        seconds = None if self.session.provider == "tensorrt" else TRIAL_SECONDS
        own = partial(Engine.score, self)  # whatever a subclass makes of it
        try_out(own, self.cancel, self.description, str(self.session.path), seconds)
        if precision != "exact":
            for _, planes in self.planes(trial_batch(self.description)):
                self.session.check_precision(planes)

    @property
    def manifest(self) -> Manifest:
        """What the network takes and gives."""
        return self.session.manifest

    @cached_property
    def description(self) -> Description:
        """What callers must know of it."""
        content = self.session.path.read_bytes()
        job = self.session.rules.sizes[self.manifest.encoding].job
        # A job smaller than a call would be a smaller call.
        job = min(max(job, self.batch_size), MOST_SITES)
        digest = hashlib.sha256(content).hexdigest()
        network = self.manifest.description(
            self.session.provider, digest, job, self.spec.annotations_from
        )
        precision = self.session.precision
        if precision == "exact":
            return network
        words = f"{network.info_description} ({precision})"
        return replace(network, precision=precision, info_description=words)

    def score(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Scores float32 [N] in site order; NaN where the network gave no finite one.

        If the network scores alleles, a site gets the largest score of its ALT alleles. Errors:
        BadBatch when the batch contradicts itself or lacks what the encoding needs.
        """
        scores = np.full(len(batch), np.nan, np.float32)
        for rows, part in self._score_rows(batch):
            np.fmax.at(scores, rows.site, part)
        return scores

    def score_alleles(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Scores float32 [M] of all ALT alleles, in order; NaN as for `score`, and for an allele
        that is no sequence. Errors: those of `score`; UsageError when the network scores records.
        """
        if not self.manifest.encoder.by_allele:
            raise UsageError(
                f"the network {self.manifest.name} scores records, not alleles: leave out "
                "`per_allele=`, or take a network of another encoding"
            )
        first_alt = batch.site_allele - batch.site_allele[0] - np.arange(len(batch) + 1)
        scores = np.full(int(first_alt[-1]), np.nan, np.float32)
        for rows, part in self._score_rows(batch):
            scores[first_alt[rows.site] + rows.allele - 1] = part
        return scores

    def _score_rows(self, batch: WindowBatch) -> Iterator[tuple[PlaneRows, NDArray[np.float32]]]:
        self.description.check(batch)
        for rows, planes in self.planes(batch):
            yield rows, self.run(planes, batch.kind[rows.site])[1]

    def run(
        self, planes: Planes, kind: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The network's output float32 [n, classes] and the scores float32 [n], NaN where there is
        none, of n encoded rows whose sites are of these kinds.
        """
        output = self.session.run(planes)
        if self.manifest.score == "log-odds":
            scores = output[:, 0]
        else:
            scores = gatk_log_odds(output, kind, self.manifest.labels)
        return output, np.where(np.isfinite(scores), scores, np.float32(np.nan))

    def tensors(self, batch: WindowBatch) -> tuple[PlaneRows, Planes]:
        """What the network sees of a batch in one piece, as deep as its deepest site: the rows, in
        the order of the sites, and the inputs [n, ...] of each.
        """
        self.description.check(batch)
        native = NativeBatch(batch)
        rows = self._rows(native, batch)
        return rows, self.manifest.encoder.encode(native, rows, self.spec)

    def _rows(self, native: NativeBatch, batch: WindowBatch) -> PlaneRows:
        rows = self.manifest.encoder.rows(native)
        # A telomere's record, at POS 0 or one past the contig, has no base to look at: no score.
        return rows[batch.reference[rows.site, batch.reference_left] != 0]

    def planes(self, batch: WindowBatch) -> Iterator[tuple[PlaneRows, Planes]]:
        """The network calls that a batch takes: their rows and inputs."""
        native, encoder = NativeBatch(batch), self.manifest.encoder
        rows = self._rows(native, batch)
        # Sites of like depth together: a network call is as deep as its deepest site.
        rows = rows[np.argsort(batch.depth[rows.site], kind="stable")]
        for part in self._calls(rows, batch.depth[rows.site]):
            yield part, encoder.encode(native, part, self.spec)

    def _calls(self, rows: PlaneRows, depth: NDArray[np.int64]) -> Iterator[PlaneRows]:
        """Rows, by depth, in parts for a network call each."""
        ends = [len(rows)]
        if self.manifest.encoder.by_allele or self.session.rules.by_depth:
            ends = [*np.flatnonzero(np.diff(padded_depth(depth))) + 1, len(rows)]
        begin = 0
        for end in ends:
            for first in range(begin, end, self.batch_size):
                yield rows[first : min(first + self.batch_size, end)]
            begin = end

    def cancel(self) -> None:
        """Calls of the network that are under way fail now."""
        self.session.cancel()

    def close(self) -> None:
        """Nothing to do: a session ends with its last user."""
