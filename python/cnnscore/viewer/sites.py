"""Chosen records -> sites: the record's text, the planes its network saw, and what came out.

Windows, planes and scores come from the modules that score: nothing is encoded a second time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.encode import NativeBatch, Planes, PlaneSpec, Rows, encode_gatk_reads
from cnnscore.engine import Engine
from cnnscore.records import Calls, Records
from cnnscore.viewer.attribution import Attribution, attribute
from cnnscore.viewer.choose import alleles_of
from cnnscore.viewer.network import run
from cnnscore.viewer.reads import Read, read_of_row, site_reads
from cnnscore.windows import ReaderOptions, WindowReader


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
    pile: Planes
    """`bases quals rows reference` of gatk-reads: the planes themselves, or for a network over
    something else the same reads for comparison; empty without reads."""
    reads: list[Read]
    """In the order of the rows of `pile`."""
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

    `reads` may be given for a network without reads too: they are shown beside its inputs.
    `runs` is the number of network runs that attribution may take a site, 0 for none.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        reference: str,
        reads: Sequence[str] = (),
        sample: str | None = None,
        runs: int = 0,
        threads: int = 1,
    ) -> None:
        manifest, encoder = engine.manifest, engine.manifest.encoder
        left, width = encoder.reference_columns(manifest.window)
        self.window = manifest.window
        self.engine, self.sample, self.runs, self.threads = engine, sample, runs, threads
        self._options = ReaderOptions(
            reference=reference,
            reads=tuple(reads),
            sample=sample if reads else None,
            read_rule=encoder.read_rule if encoder.needs_reads else "gatk" if reads else "none",
            read_limit=manifest.read_limit or (CONTEXT_READS if reads else 0),
            reference_left=max(left, self.window // 2),
            reference_width=max(width, 2 * self.window),
        )

    def look(
        self, vcf: Path, typical: NDArray[np.float32], labels: NDArray[np.int8] | None = None
    ) -> Iterator[Site]:
        """The sites of `vcf`, in its order; `typical` values stand in for an occluded annotation.

        Errors: BadInput of the reference and the reads.
        """
        calls, records = Calls(str(vcf), annotations=self.engine.manifest.annotations), Records()
        pending: deque[Future[Site]] = deque()
        with WindowReader(self._options) as reader, ThreadPoolExecutor(self.threads) as pool:
            for number, record in enumerate(records_of(vcf, self.sample)):
                calls.read(records, 1)
                batch = reader.read(records.sites())
                site = self._site(record, batch, typical, -1 if labels is None else labels[number])
                pending.append(pool.submit(self._attribute, site))
                if len(pending) > 2 * self.threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        calls.close()

    def _site(
        self, record: Record, batch: WindowBatch, typical: NDArray[np.float32], label: int
    ) -> Site:
        manifest = self.engine.manifest
        self.engine.description.check(batch)
        planes, allele = _planes(self.engine, batch)
        output, scores = run(self.engine, planes, np.repeat(batch.kind, len(allele)))
        best = int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))
        reads = site_reads(batch, 0, alleles_of(batch, 0)) if len(batch.reads) else []
        pile = planes if manifest.encoding == "gatk-reads" else {}
        order: list[int] = []
        if reads:
            if not pile:
                native, rows = (
                    NativeBatch(batch),
                    Rows(np.zeros(1, np.int64), np.zeros(1, np.int64)),
                )
                pile = encode_gatk_reads(native, rows, PlaneSpec(manifest.window))
            order = read_of_row(batch, 0, manifest.window).tolist()
        return Site(
            record=record,
            kind=int(batch.kind[0]),
            allele=int(allele[best]),
            planes={name: plane[best].copy() for name, plane in planes.items()},
            pile={name: pile[name][0].copy() for name in PILE_PLANES if name in pile},
            reads=[reads[row] for row in order],
            score=float(scores[best]),
            output=output[best].copy(),
            annotations=batch.annotations[0].copy(),
            typical=typical,
            label=int(label),
        )

    def _attribute(self, site: Site) -> Site:
        if not self.runs or not np.isfinite(site.score):
            return site
        return replace(
            site,
            attribution=attribute(self.engine, site.planes, site.kind, site.typical, self.runs),
        )


PILE_PLANES = ("bases", "quals", "rows", "reference")
CONTEXT_READS = 128
"""Most reads shown beside the inputs of a network that takes none."""


def _planes(engine: Engine, batch: WindowBatch) -> tuple[Planes, NDArray[np.int64]]:
    """Planes of the rows of a batch of one site, and the ALT allele of each."""
    parts = list(engine.planes(batch))
    planes = {name: np.concatenate([planes[name] for _, planes in parts]) for name in parts[0][1]}
    return planes, np.concatenate([rows.allele for rows, _ in parts])
