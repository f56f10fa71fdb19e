"""Chosen records -> sites: the record's text, the planes its network saw, and what came out.

Windows, planes and scores come from the modules that score: nothing is encoded a second time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.read_checks import ReadChecks
from cnnscore.calls.records import Calls, Records
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.network.encode import (
    Encoding,
    NativeBatch,
    PlaneRows,
    Planes,
    PlaneSpec,
    encode_gatk_reads,
)
from cnnscore.score.engine import Engine
from cnnscore.viewer.attribution import Attribution, attribute
from cnnscore.viewer.choose import alleles_of
from cnnscore.viewer.reads import Read, read_of_row, row_of_read, site_reads


@dataclass(frozen=True)
class Record:
    """A VCF record's text; `pos` is 1-based as in the file."""

    contig: str
    pos: int
    id: str
    ref: str
    alt: str
    qual: str
    filter: str
    info: list[tuple[str, str]]
    sample: list[tuple[str, str]]
    """FORMAT keys and the values of the sample shown."""
    carrier: str = ""
    """That sample, where each carrier of a record is a site of its own."""

    @property
    def name(self) -> str:
        """`CONTIG:POS:REF:ALT`: a site's name in links and on the command line."""
        return f"{self.contig}:{self.pos}:{self.ref}:{self.alt}"


@dataclass(frozen=True)
class Site:
    """A site as its network saw it. Planes have no batch axis."""

    record: Record
    kind: int
    allele: int
    """The ALT allele whose planes these are, 1 is the first: that of the highest score. 0 for a
    network that sees records."""
    planes: Planes
    pileup: Planes
    """`bases quals rows reference` of gatk-reads: the planes themselves, or for a network over
    something else the same reads, for comparison; empty without reads."""
    reads: list[Read]
    """In the order of the rows of `pileup`."""
    score: float
    output: NDArray[np.float32]
    """What the graph gave: class probabilities, or a log-odds."""
    annotations: NDArray[np.float32]
    """[A] as the record has them: NaN = missing, whatever the network takes for that."""
    typical: NDArray[np.float32]
    """[A] medians over the calls: what stands in for an annotation that is hidden."""
    label: int
    """1 true, 0 false, -1 not known."""
    attribution: Attribution | None = None

    @property
    def seen(self) -> NDArray[np.float32]:
        """[A] annotations as the network sees them, those from the reads too; NaN = missing, which
        GATK's networks see as 0."""
        ours: NDArray[np.float32] = self.planes.get("annotations", self.annotations)
        return ours if "variant" in self.planes else self.annotations


def record_of(line: str, sample: int | None) -> Record:
    """Parse a VCF data line; `sample` is the column to keep."""
    fields = line.rstrip("\n").split("\t")
    contig, pos, id_, ref, alt, qual, filter_, info = fields[:8]
    pairs = [] if info == "." else [item.partition("=") for item in info.split(";") if item]
    values: list[tuple[str, str]] = []
    if sample is not None and len(fields) > 9 + sample:
        keys, given = fields[8].split(":"), fields[9 + sample].split(":")
        values = [(key, given[i] if i < len(given) else ".") for i, key in enumerate(keys)]
    return Record(
        contig,
        int(pos),
        id_,
        ref,
        alt,
        qual,
        filter_,
        [(key, value if equals else "") for key, equals, value in pairs],
        values,
    )


def records_of(vcf: Path, sample: str | None) -> Iterator[Record]:
    """Records of a small VCF, with the values of `sample`, or of the first one."""
    column: int | None = None
    with vcf.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("#CHROM"):
                names = line.rstrip("\n").split("\t")[9:]
                column = names.index(sample) if sample in names else 0 if names else None
            elif not line.startswith("#"):
                yield record_of(line, column)


class Looker:
    """Reads, encodes and scores the records of a small VCF one by one.

    `reads` may be given for a network without reads too: they are shown beside its inputs. `name`
    is the call file's in messages; with `said` nothing is warned of the reads, as that was done.
    `sample_depth` is the sample's, None: measured. `runs` is the number of network runs that
    attribution may take per site, 0 for none.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        reference: str,
        reads: Sequence[str] = (),
        sample: str | None = None,
        sample_depth: float | None = None,
        runs: int = 0,
        threads: int = 1,
        name: str | None = None,
        said: bool = False,
    ) -> None:
        network = engine.description
        self._name, self._said, self._depth = name, said, sample_depth
        self.engine: Engine = engine
        self.sample: str | None = sample
        self.runs: int = runs
        self.threads: int = threads
        self._options = replace(
            ReaderOptions.of_network(network, reference, reads, sample), whole_reads=True
        )
        # Reads beside the inputs of a network that takes them in another form, or not at all.
        self.pileup_options: ReaderOptions = replace(
            self._options,
            reads=tuple(reads),
            sample=sample,
            read_rule=network.read_rule if network.needs_reads else "gatk",
            read_limit=network.read_limit or BESIDE_READS,
            reference_left=BESIDE_WINDOW // 2,
            reference_width=2 * BESIDE_WINDOW,
        )
        self.beside: bool = bool(reads) and engine.manifest.encoding != "gatk-reads"

    def look(
        self, vcf: Path, typical: NDArray[np.float32], labels: NDArray[np.int8] | None = None
    ) -> Iterator[Site]:
        """The sites of `vcf`, in its order; `typical` values stand in for an occluded annotation.

        Errors: BadInput of the reference and the reads.
        """
        annotations = self.engine.manifest.annotations
        calls, records = Calls(str(vcf), annotations=annotations, name=self._name), Records()
        with ExitStack() as stack:
            reader = stack.enter_context(WindowReader(self._options))
            beside = stack.enter_context(WindowReader(self.pileup_options)) if self.beside else None
            shown = beside or reader
            checks = self._check(shown)
            reader.set_depth(checks.depth)
            checks.whose(calls, self.sample)

            def sites() -> Iterator[Site]:
                for number, record in enumerate(records_of(vcf, self.sample)):
                    calls.read(records, 1)
                    batch = reader.read(records.sites())
                    pileup = beside.read(records.sites()) if beside else batch
                    window = shown_window(self.engine, beside=self.beside)
                    label = -1 if labels is None else int(labels[number])
                    yield look_at(self.engine, record, batch, pileup, window, typical, label)

            yield from attributed(self.engine, sites(), self.runs, self.threads)
            if self.pileup_options.reads:
                checks.at_end(shown.counts())
                checks.warn(shown.counts())
        calls.close()

    def _check(self, shown: WindowReader) -> ReadChecks:
        """Of the reads that are shown, which are the network's if it looks at any."""
        network = self.engine.description
        return ReadChecks(
            shown,
            network.model if network.needs_reads else "the pileup",
            uses_depth=network.uses_depth,
            sample_depth=self._depth,
            said=self._said,
        )


def shown_window(engine: Engine, *, beside: bool) -> int:
    """Columns of the pileup that is drawn: the network's, or those of one beside its inputs."""
    return BESIDE_WINDOW if beside else engine.manifest.window


def attributed(engine: Engine, sites: Iterator[Site], runs: int, threads: int) -> Iterator[Site]:
    """The sites, in order, with what moved their scores; `runs` of the network each, 0 for none."""

    def attribution_of(site: Site) -> Site:
        if not runs or not np.isfinite(site.score):
            return site
        effects = attribute(engine, site.planes, site.kind, site.typical, runs)
        return replace(site, attribution=effects)

    pending: deque[Future[Site]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for site in sites:
            pending.append(pool.submit(attribution_of, site))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def look_at(
    engine: Engine,
    record: Record,
    batch: WindowBatch,
    pileup: WindowBatch,
    window: int,
    typical: NDArray[np.float32],
    label: int,
    only: int | None = None,
) -> Site:
    """One site, from its window `batch` and the batch whose reads are drawn, `window` columns of
    them; of a network that scores alleles the one of highest score, or the allele `only`.
    """
    engine.description.check(batch)
    site = Site(
        record=record,
        kind=int(batch.kind[0]),
        allele=0,
        planes={},
        pileup={},
        reads=[],
        score=float("nan"),
        output=np.zeros(0, np.float32),
        annotations=batch.annotations[0].copy(),
        typical=typical,
        label=label,
    )
    for rows, planes in engine.planes(batch):  # none where no ALT allele can be scored
        output, scores = engine.run(planes, batch.kind[rows.site])
        for i, allele in enumerate(rows.allele):
            if only is not None and allele not in (0, only):
                continue
            if not site.planes or np.isnan(site.score) or scores[i] > site.score:
                site = replace(
                    site,
                    allele=int(allele),
                    planes={name: plane[i].copy() for name, plane in planes.items()},
                    score=float(scores[i]),
                    output=output[i].copy(),
                )
    site = _with_reads(site, pileup, window)
    if "mask" in site.planes and site.reads:
        return _in_order_of_pileup(site, batch, engine.manifest.encoder, engine.spec)
    return site


def _in_order_of_pileup(
    site: Site, batch: WindowBatch, encoding: Encoding, spec: PlaneSpec
) -> Site:
    """The scalars of reads in the order of `site.reads`; the network sees no order."""
    scalars = site.planes["reads"]
    row = row_of_read(batch, site.allele, scalars, encoding, spec)
    ordered = np.zeros_like(scalars)
    ordered[: len(site.reads)] = scalars[row[[read.number for read in site.reads]]]
    return replace(site, planes=site.planes | {"reads": ordered})


PILEUP_PLANES = ("bases", "quals", "rows", "reference")
BESIDE_WINDOW, BESIDE_READS = 128, 128
"""Columns, and most reads, of the pileup that is shown beside a network's inputs."""


def _with_reads(site: Site, batch: WindowBatch, window: int) -> Site:
    """The site with the pileup of its batch, a batch of one site."""
    if not len(batch.reads):
        return site
    rows = PlaneRows(np.zeros(1, np.int64), np.zeros(1, np.int64))
    pileup = encode_gatk_reads(NativeBatch(batch), rows, PlaneSpec(window))
    reads = site_reads(batch, 0, alleles_of(batch, 0))
    return replace(
        site,
        pileup={name: pileup[name][0].copy() for name in PILEUP_PLANES},
        reads=[reads[row] for row in read_of_row(batch, 0, window)],
    )
