"""Scorer: an opened network, and what can be asked of it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from cnnscore.api.cohort import score_samples
from cnnscore.api.intervals import intervals_of
from cnnscore.api.progress import progress_of
from cnnscore.api.quiet import quiet_htslib
from cnnscore.api.table import Table, TableParts
from cnnscore.calls.output import OutputOptions
from cnnscore.calls.record_lines import RecordLines, records_in
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.checked import checked
from cnnscore.description import WindowScorer
from cnnscore.errors import UsageError
from cnnscore.given import file_of, files_of, list_of, maybe_file, name_of
from cnnscore.html import html_table
from cnnscore.network.store import default_model
from cnnscore.score.open import open_engine
from cnnscore.score.options import ScoreOptions, Summary
from cnnscore.score.run import ScoringRun, check_options, check_sample, open_calls, score_calls
from cnnscore.wire.address import is_address

if TYPE_CHECKING:
    from pysam import VariantRecord

    from cnnscore.api.explained import Explained
    from cnnscore.api.windows import Tensors, Window, Windows
    from cnnscore.given import File, Files
    from cnnscore.progress import Progress
    from cnnscore.score.engine import Engine


class Scorer:
    """An opened network or server that scores calls. Made by `cnnscore.open`.

    A context manager. It pickles: the copy opens the same network where it is unpickled, so that it
    can be sent to workers of multiprocessing, Dask or Ray. One scorer may be used from several
    threads.
    """

    def __init__(
        self,
        model: str | None,
        *,
        provider: str = "auto",
        precision: str = "exact",
        threads: int | None = None,
        batch_size: int | None = None,
        annotations_from: str | None = None,
        token_file: str | None = None,
        tls_ca: str | None = None,
        timeout: float | None = None,
    ) -> None:
        if model is not None and is_address(model):
            of_network = {
                "provider": provider != "auto",
                "precision": precision != "exact",
                "batch_size": batch_size is not None,
            }
            if wrong := [name for name, is_given in of_network.items() if is_given]:
                raise UsageError(f"a server has its own: leave out `{wrong[0]}=`")
        elif model is not None and os.path.sep in model:
            model = os.path.abspath(model)  # noqa: PTH100 - keeps links; a worker may be elsewhere
        self._model = model
        self.threads: int | None = threads
        self._options: dict[str, Any] = {
            "provider": provider,
            "precision": precision,
            "batch_size": batch_size,
            "annotations_from": annotations_from,
            "token_file": token_file,
            "tls_ca": tls_ca,
            "timeout": timeout,
        }
        self._engines: dict[tuple[str, str | None], WindowScorer] = {}
        self._closed = False
        quiet_htslib()
        if model is not None:
            self.network(has_reads=False)

    @property
    def engine(self) -> WindowScorer:
        """What scores window batches. Errors: UsageError where no network was named at `open`."""
        if self._model is None:
            raise UsageError("the network depends on what is scored: name one, as `model=`")
        return self.network(has_reads=False)

    def network(self, *, has_reads: bool, annotations_from: str | None = None) -> WindowScorer:
        """The network that scores where there are reads, or none: the one named at `open`, else as
        the command chooses; `annotations_from` in place of what `open` was given. Errors:
        UsageError once the scorer is closed, and those of `open`.
        """
        if self._closed:
            raise UsageError("this scorer is closed: open another one")
        model = self._model or default_model(has_reads)
        source = self._options["annotations_from"]
        if not is_address(model):  # a server has its own way, which is checked where it matters
            source = annotations_from or source
        if (model, source) not in self._engines:
            options = {**self._options, "annotations_from": source}
            self._engines[model, source] = open_engine(model, **options)
        return self._engines[model, source]

    @checked
    def score(
        self,
        calls: File,
        *,
        reference: File,
        reads: Files = (),
        sample_map: File | None = None,
        output: str | os.PathLike[str] = "-",
        region: str | Iterable[str] | None = None,
        regions_file: File | None = None,
        targets: str | Iterable[str] | None = None,
        sample: str | None = None,
        info_key: str | None = None,
        overwrite: bool = False,
        per_allele: bool = False,
        sample_depth: float | None = None,
        downsampling: str = "site",
        output_type: str | None = None,
        write_index: str | None = None,
        progress: bool | Progress = False,
    ) -> Summary:
        """Write calls with one score per record in INFO, as `cnnscore score` does.

        `calls` is a VCF or BCF ("-" is standard input), `reference` a FASTA with .fai; `reads` are
        indexed BAM or CRAM files, one or several, for a network that looks at reads. `region` is
        "CONTIG" or "CONTIG:BEG-END" (1-based, inclusive), one or several, found by index;
        `regions_file` names a BED; `targets` are found without an index, by reading all calls.
        `sample` chooses the VCF column and, by SM, the reads. `info_key` is in place of the
        network's own, `overwrite` allows one that the input has. `per_allele` writes one score per
        ALT allele. `sample_depth` and `downsampling` ("site" or "gatk") are explained in
        docs/reference/encodings.md. `output_type` is u, b, v or z as in bcftools, by default that
        of the suffix of `output`; `write_index` is "tbi" or "csi". With `sample_map`, a table of a
        cohort's samples and their reads, each carrier and each site get a score
        (docs/tasks/cohorts.md), and the summary is a CohortSummary.

        Errors: UsageError, BadInput, BadOutput; then no output is left under its name.

        >>> import cnnscore
        >>> with cnnscore.open("reference") as scorer:
        ...     done = scorer.score(CALLS, reference=REFERENCE, output="scored.vcf.gz")
        >>> done.sites, done.scored
        (294, 294)
        """
        paths = files_of(reads, "reads")
        options = ScoreOptions(
            sample=sample,
            intervals=intervals_of(region, regions_file, targets),
            info_key=info_key,
            overwrite=overwrite,
            per_allele=per_allele,
            sample_depth=sample_depth,
            downsampling=downsampling,
        )
        given: dict[str, Any] = {
            "reference": file_of(reference, "reference"),
            "output": name_of(output, "output"),
            "written": OutputOptions(output_type, write_index),
            "threads": self.threads,
            "progress": progress_of(progress),
        }
        if (table := maybe_file(sample_map, "sample_map")) is not None:
            return score_samples(self, file_of(calls, "calls"), table, options, paths, given)
        engine = self.network(has_reads=bool(paths))
        return score_calls(file_of(calls, "calls"), engine, reads=paths, options=options, **given)

    @checked
    def table(
        self,
        calls: File,
        *,
        reference: File,
        reads: Files = (),
        region: str | Iterable[str] | None = None,
        regions_file: File | None = None,
        targets: str | Iterable[str] | None = None,
        sample: str | None = None,
        info: str | Iterable[str] = (),
        per_allele: bool = False,
        sample_depth: float | None = None,
        progress: bool | Progress = False,
    ) -> Table:
        """The records of a call file with their scores, as columns in memory; writes nothing.

        `info` names numeric INFO fields that become columns too (the first value of each record,
        or that of the first ALT allele). Other arguments and errors: as for `score`.

        >>> import cnnscore
        >>> with cnnscore.open("reference") as scorer:
        ...     table = scorer.table(CALLS, reference=REFERENCE, region="synA:1-5000", info="QD")
        >>> table
        <cnnscore.Table: 39 rows; contig, pos, ref, alt, type, qual, score, QD>
        >>> table["contig"][0], int(table["pos"][0]), f"{table['score'][0]:.1f}"
        ('synA', 257, '8.6')
        """
        paths, fasta = files_of(reads, "reads"), file_of(reference, "reference")
        options = ScoreOptions(
            sample=sample,
            intervals=intervals_of(region, regions_file, targets),
            per_allele=per_allele,
            sample_depth=sample_depth,
        )
        engine = self.network(has_reads=bool(paths))
        network, name = engine.description, file_of(calls, "calls")
        check_options(network, options, paths)
        source = open_calls(name, network, fasta, options)
        parts = TableParts(source, list_of(info, "info"), per_allele=per_allele)
        shown = progress_of(progress)
        with ScoringRun(
            source, engine, fasta, paths, options, threads=self.threads, progress=shown
        ) as run:
            for job, scores in run.scored(source.read):
                parts.add(job.slot.records, job.sites, scores)
            return parts.table(run.summary())

    @checked
    def iter(
        self,
        records: Iterable[VariantRecord] | str | os.PathLike[str],
        *,
        reference: File,
        reads: Files = (),
        sample: str | None = None,
        sample_depth: float | None = None,
    ) -> Iterator[tuple[VariantRecord, float]]:
        """Pairs of a record and its score, in the order of `records`; NaN: no score.

        `records` are pysam's VariantRecords: a VariantFile, what its `fetch` gives, a list, any
        iterable; or a call file's name. The pairs hold the very records that were given. Files are
        opened and checked at once; some thousand records are read ahead. Without `sample_depth`,
        the sample's depth is measured in `reads` anew at each call. Other arguments and errors: as
        for `score`; records of several files must have headers alike.

        >>> import cnnscore, pysam
        >>> with cnnscore.open("reference") as scorer, pysam.VariantFile(CALLS) as calls:
        ...     scored = list(scorer.iter(calls, reference=REFERENCE))
        >>> record, score = scored[0]
        >>> record.contig, record.pos, round(score, 1)
        ('synA', 257, 8.6)
        """
        parts = self._scored(records, reference, reads, sample, sample_depth)
        return (
            (r, s) for taken, scores in parts for r, s in zip(taken, scores.tolist(), strict=True)
        )

    @checked
    def score_records(
        self,
        records: Iterable[VariantRecord] | str | os.PathLike[str],
        *,
        reference: File,
        reads: Files = (),
        sample: str | None = None,
        sample_depth: float | None = None,
    ) -> NDArray[np.float32]:
        """Scores float32 [N] of `records`, in their order; NaN: no score. As `iter`.

        >>> import cnnscore, pysam
        >>> with cnnscore.open("reference") as scorer, pysam.VariantFile(CALLS) as calls:
        ...     scores = scorer.score_records(calls.fetch("synA", 0, 5000), reference=REFERENCE)
        >>> scores.dtype, len(scores)
        (dtype('float32'), 39)
        """
        parts = self._scored(records, reference, reads, sample, sample_depth)
        return np.concatenate([np.zeros(0, np.float32), *(scores for _, scores in parts)])

    def _scored(
        self,
        records: Iterable[VariantRecord] | str | os.PathLike[str],
        reference: File,
        reads: Files,
        sample: str | None,
        sample_depth: float | None,
    ) -> Iterator[tuple[list[VariantRecord], NDArray[np.float32]]]:
        """The records in lists with their scores. What is given is checked at once: the files are
        open, and the first record is taken, when this returns.
        """
        paths, fasta = files_of(reads, "reads"), file_of(reference, "reference")
        options = ScoreOptions(sample=sample, sample_depth=sample_depth)
        engine = self.network(has_reads=bool(paths))
        check_options(engine.description, options, paths)
        network = engine.description
        lines = RecordLines(records_in(records), network.annotations)
        if lines.is_empty:
            WindowReader(ReaderOptions.of_network(network, fasta, paths, sample)).close()
            return iter(())
        source = lines.calls(network.annotations)
        check_sample(source, network, options)
        run = ScoringRun(source, engine, fasta, paths, options, threads=self.threads)
        return self._score_lines(lines, source, run)

    def _score_lines(
        self, lines: RecordLines, source: Calls, run: ScoringRun
    ) -> Iterator[tuple[list[VariantRecord], NDArray[np.float32]]]:
        ahead: deque[list[VariantRecord]] = deque()

        def fill(batch: Records, limit: int) -> int:
            taken = lines.take(source, batch, limit)
            if taken:
                ahead.append(taken)
            return len(taken)

        with run:
            for _, scores in run.scored(fill):
                yield ahead.popleft(), scores
            run.summary()

    @checked
    def windows(
        self,
        calls: File,
        *,
        reference: File,
        reads: Files = (),
        region: str | Iterable[str] | None = None,
        regions_file: File | None = None,
        targets: str | Iterable[str] | None = None,
        sample: str | None = None,
        sample_depth: float | None = None,
        limit: int | None = None,
    ) -> Windows:
        """Sites with the reference, the reads and the annotations that the network may look at.

        They are held in memory: at most the first `limit` records, or 10,000 (more are an error).
        Not for a server. Other arguments and errors: as for `score`.

        >>> import cnnscore
        >>> scorer = cnnscore.open("reads")
        >>> windows = scorer.windows(CALLS, reference=REFERENCE, reads=READS, region="synA:1-5000")
        >>> windows
        <cnnscore.Windows: 39 sites for reads>
        >>> windows[1].record.name, len(windows[1].reads)
        ('synA:276:A:G', 21)
        """
        from cnnscore.api.windows import WindowRequest, read_windows

        paths = files_of(reads, "reads")
        engine = self._local(has_reads=bool(paths))
        check_options(engine.description, ScoreOptions(sample_depth=sample_depth), paths)
        asked = WindowRequest(
            calls=file_of(calls, "calls"),
            reference=file_of(reference, "reference"),
            reads=paths,
            intervals=intervals_of(region, regions_file, targets),
            sample=sample,
            sample_depth=sample_depth,
            limit=limit,
        )
        return read_windows(engine, asked)

    def tensors(self, windows: Windows | Window | Sequence[Window]) -> Tensors:
        """The network's inputs, by name, for some windows: arrays [n, ...] as the network's card
        and docs/reference/encodings.md describe them, as deep as the deepest site.

        >>> import cnnscore
        >>> scorer = cnnscore.open("reference")
        >>> windows = scorer.windows(CALLS, reference=REFERENCE, limit=3)
        >>> tensors = scorer.tensors(windows)
        >>> tensors["reference"].shape, tensors.site.tolist()
        ((3, 64), [0, 1, 2])
        """
        from cnnscore.api.windows import needs_reads, tensors_of

        return tensors_of(self._local(has_reads=needs_reads(windows)), windows)

    @checked
    def explain(self, window: Window, *, runs: int | None = None) -> Explained:
        """What moved the score of a site, by hiding part after part of what the network sees.

        `runs` of the network are made, by default 300 (16 for GATK's networks over reads). Errors:
        BadInput for a site without a score.

        >>> import cnnscore
        >>> scorer = cnnscore.open("reference")
        >>> window = scorer.windows(CALLS, reference=REFERENCE, limit=1)[0]
        >>> explained = scorer.explain(window)
        >>> f"{explained.score:.1f}", sorted(explained.effects)
        ('8.6', ['annotation', 'column', 'variant'])
        """
        from cnnscore.api.windows import explain_window, needs_reads

        return explain_window(self._local(has_reads=needs_reads(window)), window, runs)

    def _local(self, *, has_reads: bool) -> Engine:
        from cnnscore.score.engine import Engine

        engine = self.network(has_reads=has_reads)
        if not isinstance(engine, Engine):
            raise UsageError("a server does not show what its network sees: open the network here")
        return engine

    def close(self) -> None:
        """Let go of the network, or of the connection to a server; nothing can be scored then."""
        self._closed = True
        engines, self._engines = self._engines, {}
        for engine in engines.values():
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Scorer, self._model, threads=self.threads, **self._options), ()

    def __repr__(self) -> str:
        return f"<cnnscore.Scorer: {', '.join(self._said())}>"

    def _said(self) -> list[str]:
        if self._closed:
            return [self._model or "network by what is given", "closed"]
        if self._model is None:
            return ["network by what is given"]
        network = self.engine.description
        reduced = [network.precision] if network.precision != "exact" else []
        return [network.model, network.encoding, network.provider, *reduced]

    def _repr_html_(self) -> str:
        if self._closed or self._model is None:
            return html_table({"scorer": self._said()})
        network = self.engine.description
        return html_table(
            {
                "network": [network.model],
                "encoding": [network.encoding],
                "computes on": [network.provider],
                "precision": [network.precision],
                "looks at reads": [
                    f"up to {network.read_limit} per site" if network.needs_reads else "no"
                ],
                "annotations": [" ".join(network.annotations)],
                "writes": [f"INFO/{network.info_key}"],
            }
        )
