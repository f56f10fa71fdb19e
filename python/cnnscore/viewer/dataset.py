"""Rows of `cnnscore dataset` -> sites: windows that were cut before, without BAM and FASTA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.dataset.fit import annotation_columns, check_layout
from cnnscore.dataset.parquet import SPLITS, Dataset, LabelledRows, dataset_files
from cnnscore.description import LABELS, TYPE_LABELS
from cnnscore.errors import BadInput
from cnnscore.progress import NoProgress, Progress
from cnnscore.score.engine import Engine
from cnnscore.viewer.choose import Choice, Gathering, alleles_of, choose
from cnnscore.viewer.sites import BESIDE_WINDOW, Record, Site, attributed, look_at
from cnnscore.viewer.view import View, runs_of, watched

TRUE_LABELS = tuple(true for _, true in TYPE_LABELS.values())


@contextmanager
def open_dataset_view(
    path: str,
    engine: Engine,
    *,
    choice: Choice | None = None,
    threads: int = 1,
    runs: int | None = 0,
    progress: Progress | None = None,
) -> Iterator[View]:
    """Choose rows of a data set (a .parquet file, or a folder of them) and look at them, each with
    the ALT allele that it is about. Errors: BadInput for a data set that the network cannot take.
    """
    choice, progress = choice or Choice(), progress or NoProgress()
    manifest = engine.manifest
    files = [_Windows(file, engine) for file in dataset_files([path])]
    gathering = Gathering(choice.sites, len(manifest.annotations))
    for file in files:
        for batch, rows in file.batches():
            scores = _scores(engine, batch, rows) if choice.needs_scores else None
            gathering.add(batch, batch.annotations, scores, _labels(rows))
            progress.update(gathering.n, batch.locus(-1), None)
    progress.clear()
    columns = gathering.columns(path)
    chosen = choose(columns, choice)
    if not len(chosen):
        raise BadInput(f"{path} has no rows to choose from")
    in_order = np.unique(chosen)
    rank_of = {int(number): rank for rank, number in enumerate(chosen)}
    budget = runs_of(manifest.encoding) if runs is None else runs
    sites = _sites(engine, files, in_order, columns.typical)
    yield View(
        manifest=manifest,
        records=len(columns),
        count=len(in_order),
        rank=np.array([rank_of[int(number)] for number in in_order], np.int64),
        sites=watched(attributed(engine, sites, budget, threads), len(in_order), progress),
    )


class _Windows:
    """A file of windows, as the network takes them."""

    def __init__(self, path: Path, engine: Engine) -> None:
        manifest = engine.manifest
        self.dataset = Dataset(path)
        spec = manifest.planes()
        check_layout(self.dataset.layout, manifest.encoder, spec, path)
        self._columns = annotation_columns(self.dataset.layout, spec, path)

    def batches(self) -> Iterator[tuple[WindowBatch, LabelledRows]]:
        for batch, rows in self.dataset.batches():
            annotations = np.ascontiguousarray(batch.annotations[:, self._columns])
            yield replace(batch, annotations=annotations), rows


def _labels(rows: LabelledRows) -> NDArray[np.int8]:
    return np.isin(rows.label, TRUE_LABELS).astype(np.int8)


def _scores(engine: Engine, batch: WindowBatch, rows: LabelledRows) -> NDArray[np.float32]:
    if not engine.manifest.encoder.by_allele:
        return engine.score(batch)
    of_alts = engine.score_alleles(batch)
    first_alt = batch.site_allele[:-1] - np.arange(len(batch))
    of_rows: NDArray[np.float32] = of_alts[first_alt + rows.allele - 1]
    return of_rows


def _sites(
    engine: Engine, files: list[_Windows], chosen: NDArray[np.int64], typical: NDArray[np.float32]
) -> Iterator[Site]:
    begin = 0
    for file in files:
        layout = file.dataset.layout
        room = min(2 * layout.reference_left, layout.reference_width - layout.reference_left)
        for batch, rows in file.batches():
            end = begin + len(batch)
            for i in chosen[(chosen >= begin) & (chosen < end)] - begin:
                alone = batch.part(int(i), int(i) + 1)
                record = _record(alone, rows, int(i), layout.tags, engine.manifest.annotations)
                own = engine.manifest.encoding == "gatk-reads"
                window = engine.manifest.window if own else min(BESIDE_WINDOW, room // 2 * 2)
                label, allele = int(_labels(rows)[i]), int(rows.allele[i])
                yield look_at(engine, record, alone, alone, window, typical, label, allele)
            begin = end


def _record(
    batch: WindowBatch,
    rows: LabelledRows,
    i: int,
    tags: dict[str, str],
    annotations: tuple[str, ...],
) -> Record:
    """What a row keeps of its record."""
    ref, *alts = alleles_of(batch, 0)
    qual = float(batch.qual[0]) if len(batch.qual) else np.nan
    values = zip(annotations, batch.annotations[0], strict=True)
    return Record(
        contig=batch.contig_name(int(batch.contig[0])),
        pos=int(batch.pos[0]) + 1,
        id=".",
        ref=ref,
        alt=",".join(alts),
        qual="." if np.isnan(qual) else f"{qual:g}",
        filter=".",
        info=[(key, f"{value:g}") for key, value in values if not np.isnan(value)],
        sample=[
            ("sample", str(rows.sample[i])),
            ("label", LABELS[rows.label[i]]),
            ("split", SPLITS[rows.split[i]]),
            ("allele", alts[rows.allele[i] - 1]),
            ("weight", f"{rows.weight[i]:g}"),
            *tags.items(),
        ],
    )
