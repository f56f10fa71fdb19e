"""Data sets -> planes in memory-mapped arrays, encoded once, and minibatches drawn from them.

Planes over reads are kept without padding, one row per read. Memory is what the rows' labels need;
the planes lie in files that the system maps in as they are used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, offsets_of
from cnnscore.dataset.fit import annotation_columns, check_layout
from cnnscore.dataset.parquet import SPLITS, Dataset, LabelledRows
from cnnscore.dataset.splits import hash_text
from cnnscore.description import LABELS, TYPE_LABELS
from cnnscore.errors import BadInput, BadOutput
from cnnscore.network.cutoffs import bare, callers_annotations
from cnnscore.network.encode import ENCODINGS, READ_NONE, Encoding, NativeBatch, PlaneRows, Planes
from cnnscore.progress import Progress
from cnnscore.train.config import DataOptions

READ_PLANES = {"reads": 0.0, "bases": READ_NONE, "quals": 0, "rows": 0}
"""Planes with an axis of reads, and what their padding holds."""
ANNOTATIONS_FROM_READS = "annotations_from_reads"
SITES_PER_CALL = 256
TRAIN = SPLITS.index("train")
log = logging.getLogger("cnnscore")


@dataclass(frozen=True, eq=False)
class Samples:
    """N encoded rows. `planes` are [N, ...], those over reads [reads of all rows, ...]."""

    planes: dict[str, NDArray[Any]]
    row_read: NDArray[np.int64]
    """[N+1] first read of each row."""
    label: NDArray[np.int8]
    split: NDArray[np.int8]
    weight: NDArray[np.float32]
    known_annotations: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, bool))
    """[A] whether a training row has the annotation; empty where nobody looked."""
    bare: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """[N] whether the call lacks the caller's annotations (network/cutoffs.py); empty: none is."""

    def __len__(self) -> int:
        return len(self.label)

    def are_bare(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Of some rows, whether they are bare."""
        return self.bare[rows] if len(self.bare) else np.zeros(len(rows), bool)

    def of_split(self, name: str) -> NDArray[np.int64]:
        """Indices of a split's rows."""
        return np.flatnonzero(self.split == SPLITS.index(name))

    def batch(self, rows: NDArray[np.int64]) -> Planes:
        """Planes of some rows as `encode` gives them, padded to the deepest of these."""
        begin, end = self.row_read[rows], self.row_read[rows + 1]
        depth = end - begin
        column = np.arange(max(int(depth.max(initial=0)), 1))
        mask = column < depth[:, None]
        index = np.where(mask, begin[:, None] + column, 0)
        result: Planes = {}
        for name, plane in self.planes.items():
            if name not in READ_PLANES:
                result[name] = np.ascontiguousarray(plane[rows])
            elif len(plane):
                taken = np.asarray(plane[index])
                taken[~mask] = READ_PLANES[name]
                result[name] = taken
            else:
                shape = (*mask.shape, *plane.shape[1:])
                result[name] = np.full(shape, READ_PLANES[name], plane.dtype)
        if "reads" in self.planes:
            result["mask"] = mask.astype(np.float32)
        return result


class ClassSampler:
    """Minibatches with a quarter of each class; a row is drawn in proportion to its weight.

    What is drawn at a step depends on seed and step alone. Errors: BadInput when a type (SNP,
    indel) lacks one of its two classes, or both types do.
    """

    def __init__(self, samples: Samples, rows: NDArray[np.int64], batch: int, seed: int) -> None:
        self._batch, self._seed = batch, seed
        self._rows: list[NDArray[np.int64]] = []
        self._cumulative: list[NDArray[np.float64]] = []
        labels = samples.label[rows]
        counts = np.bincount(labels, minlength=len(LABELS))
        for false, true in TYPE_LABELS.values():
            if (counts[false] == 0) != (counts[true] == 0):
                absent, there = (false, true) if counts[false] == 0 else (true, false)
                raise BadInput(
                    f"the training rows have {counts[there]:,} {LABELS[there]} and no "
                    f"{LABELS[absent]}: a network learns from both; add samples, or call with "
                    "looser thresholds so that there are false calls"
                )
        for label in np.flatnonzero(counts):
            of_class = rows[labels == label]
            self._rows.append(of_class)
            self._cumulative.append(np.cumsum(samples.weight[of_class], dtype=np.float64))
        if not self._rows:
            raise BadInput(
                "the data has no training rows: `hold_out=`, `validation=` and `leave_out=` took "
                "all"
            )

    def draw(self, step: int) -> tuple[NDArray[np.int64], np.random.Generator]:
        """LabelledRows of a step, and the generator that its randomisation goes on with."""
        random = np.random.default_rng([self._seed, step])
        share = [len(part) for part in np.array_split(np.arange(self._batch), len(self._rows))]
        drawn = [
            rows[np.searchsorted(weights, random.random(n) * weights[-1], side="right")]
            for rows, weights, n in zip(self._rows, self._cumulative, share, strict=True)
        ]
        return np.concatenate(drawn), random


def load_samples(
    files: Sequence[Path],
    options: DataOptions,
    folder: Path,
    *,
    leave_out: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
) -> Samples:
    """Encode all rows of `files` into arrays under `folder`, which the caller removes.

    Rows whose tag, sample or contig is as in `leave_out` are skipped; so are records with several
    ALT alleles for an encoding that sees records. Errors: BadInput when a file lacks what the
    encoding needs; BadOutput for a full disk.
    """
    encoding = ENCODINGS[options.encoding]
    spec = options.planes()
    store, loci = _Store(folder), _Loci()
    rows: list[LabelledRows] = []
    known = np.zeros(len(spec.annotations), bool)
    callers = [spec.annotations.index(key) for key in callers_annotations(spec.annotations)]
    are_bare = [np.zeros(0, bool)]
    total, unused = 0, set(leave_out)
    try:
        for path in files:
            dataset = Dataset(path)
            columns = annotation_columns(dataset.layout, spec, path)
            check_layout(dataset.layout, encoding, spec, path)
            unused -= set(dataset.layout.tags.items())
            if any(dataset.layout.tags.get(key) == value for key, value in leave_out):
                continue
            for batch, beside in dataset.batches():
                keep, matched = _kept(batch, beside, leave_out, encoding)
                unused -= matched
                native = NativeBatch(
                    replace(
                        batch,
                        annotations=np.ascontiguousarray(batch.annotations[:, columns]),
                    )
                )
                for begin in range(0, len(keep), SITES_PER_CALL):
                    part = keep[begin : begin + SITES_PER_CALL]
                    found = _encode(native, beside, part, options, store)
                    known |= found[beside.split[part] == TRAIN].any(axis=0)
                    are_bare.append(bare(np.isfinite(native.batch.annotations[part][:, callers])))
                rows.append(_take(beside, keep))
                loci.add(batch, rows[-1], keep)
                total += len(keep)
                if progress and len(batch):
                    progress.update(total, batch.locus(-1), None)
        store.flush()
    except OSError as error:
        raise BadOutput(f"cannot write into {folder}: {error.strerror}") from None
    finally:
        store.close()
    if unused:
        key, value = sorted(unused)[0]
        raise BadInput(f"`leave_out={key}={value}`: no row has that")
    if not total:
        raise BadInput(f"no rows are left of {len(files)} data sets")
    loci.check()
    return Samples(
        planes=store.arrays(),
        row_read=offsets_of(store.depths()),
        label=np.concatenate([part.label for part in rows]),
        split=np.concatenate([part.split for part in rows]),
        weight=np.concatenate([part.weight for part in rows]),
        known_annotations=known,
        bare=np.concatenate(are_bare),
    )


def _encode(
    native: NativeBatch,
    beside: LabelledRows,
    keep: NDArray[np.int64],
    options: DataOptions,
    store: _Store,
) -> NDArray[np.bool_]:
    """Encode some rows into the store; [n, A] which annotations they have."""
    encoding = ENCODINGS[options.encoding]
    allele = beside.allele[keep].astype(np.int64) if encoding.by_allele else np.zeros_like(keep)
    rows = PlaneRows(keep, allele)
    spec = options.planes()
    planes = encoding.encode(native, rows, spec)
    # GATK's encodings write 0 for what is missing.
    from_caller = options.annotations_from == "caller"
    values = native.batch.annotations[keep] if from_caller else planes["annotations"]
    known = np.isfinite(values)
    mask = planes.pop("mask", None)
    if mask is None and "bases" in planes:
        depth = native.batch.depth[keep]
        mask = np.arange(planes["bases"].shape[1]) < depth[:, None]
    if options.annotations_from == "fill":
        spec = replace(spec, annotations_from="reads")
        planes[ANNOTATIONS_FROM_READS] = encoding.encode(native, rows, spec)["annotations"]
    if mask is not None:
        inside = _limited(mask > 0, options.read_limit, native.batch.pos[keep])
        store.add_depths(inside.sum(axis=1))
        planes = {
            name: plane[inside] if name in READ_PLANES else plane for name, plane in planes.items()
        }
    else:
        store.add_depths(np.zeros(len(keep), np.int64))
    store.add(planes)
    return known


def _limited(inside: NDArray[np.bool_], limit: int, seeds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """At most `limit` reads of each row, drawn by its position: data sets keep more reads than a
    network takes."""
    for row in np.flatnonzero(inside.sum(axis=1) > limit):
        there = np.flatnonzero(inside[row])
        drawn = np.random.default_rng(int(seeds[row])).permutation(there)[limit:]
        inside[row, drawn] = False
    return inside


class _Loci:
    """Where rows lie, by split: a locus that is trained on in one file and held out in another
    makes figures that flatter."""

    def __init__(self) -> None:
        self._keys: tuple[list[NDArray[np.uint64]], list[NDArray[np.uint64]]] = ([], [])

    def add(self, batch: WindowBatch, rows: LabelledRows, keep: NDArray[np.int64]) -> None:
        names = [batch.contig_name(i) for i in range(len(batch.contig_length))]
        contig = np.array([hash_text(name) for name in names] or [0], np.uint64)
        keys = contig[batch.contig[keep]] + batch.pos[keep].astype(np.uint64)
        held_out = rows.split != TRAIN
        self._keys[0].append(np.unique(keys[~held_out]))
        self._keys[1].append(keys[held_out])

    def check(self) -> None:
        trained, held_out = map(np.concatenate, self._keys)
        n = int(np.isin(held_out, trained).sum())
        if n:
            log.warning(
                "%s of %s held-out rows lie at loci of training rows: their figures flatter; "
                "`cnnscore dataset` keeps a locus in one split if the files go to one folder",
                f"{n:,}",
                f"{len(held_out):,}",
            )


class _Store:
    """Arrays that grow by rows, each a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, Any] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._types: dict[str, np.dtype[Any]] = {}
        self._depths: list[NDArray[np.int64]] = []

    def add(self, planes: Planes) -> None:
        for name, plane in planes.items():
            if name not in self._files:
                self._files[name] = (self._folder / f"{name}.raw").open("wb")
                self._shapes[name], self._types[name] = plane.shape[1:], plane.dtype
            self._files[name].write(np.ascontiguousarray(plane).data)

    def add_depths(self, depths: NDArray[np.int64]) -> None:
        self._depths.append(depths)

    def depths(self) -> NDArray[np.int64]:
        return np.concatenate(self._depths)

    def flush(self) -> None:
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        for file in self._files.values():
            with suppress(OSError):  # a full disk: flush has said so
                file.close()

    def arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        for name in self._files:
            path = self._folder / f"{name}.raw"
            shape, kind = self._shapes[name], self._types[name]
            if path.stat().st_size:
                flat = np.memmap(path, kind, "r")
                arrays[name] = flat.reshape(-1, *shape)
            else:
                arrays[name] = np.zeros((0, *shape), kind)
        return arrays


def _kept(
    batch: WindowBatch,
    beside: LabelledRows,
    leave_out: Sequence[tuple[str, str]],
    encoding: Encoding,
) -> tuple[NDArray[np.int64], set[tuple[str, str]]]:
    keep = np.ones(len(beside), bool)
    matched = set()
    for key, value in leave_out:
        if key == "sample":
            out = beside.sample == value
        elif key == "contig":
            numbers = [i for i in range(len(batch.contig_length)) if batch.contig_name(i) == value]
            out = np.isin(batch.contig, numbers)
        else:
            continue
        if out.any():
            matched.add((key, value))
        keep &= ~out
    if not encoding.by_allele:
        keep &= np.diff(batch.site_allele) == 2
    return np.flatnonzero(keep), matched


def _take(rows: LabelledRows, at: NDArray[np.int64]) -> LabelledRows:
    return LabelledRows(
        rows.label[at], rows.split[at], rows.weight[at], rows.allele[at], rows.sample[at]
    )


def in_batches(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """The rows in parts of up to `size`."""
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]
