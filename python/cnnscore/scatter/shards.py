"""A call file -> shards of about as many sites each, by its index.

A record belongs to the shard of its POS, and no cut lies within a record's REF. The same file is
cut in the same way each time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cnnscore.calls.layout import Layout
from cnnscore.calls.records import Calls
from cnnscore.errors import BadInput, UsageError

SITES_PER_SHARD = 20_000
"""Without a number of shards: a minute of work with reads, and a start-up is little beside it."""
MOST_SHARDS = 100_000
SMALL = 0.05
"""A contig with less than this part of a shard is not cut: a shard ends beside it."""
MOST_REGIONS_BYTES = 100_000
"""Linux takes no argument of 128 KiB."""


@dataclass(frozen=True)
class Span:
    """A stretch of a contig, 0-based half-open; `end` None: to its end."""

    contig: str
    begin: int
    end: int | None

    def text(self) -> str:
        """As bcftools and `-r` have it; in braces where the contig's name could be read as a
        region."""
        name = f"{{{self.contig}}}" if ":" in self.contig else self.contig
        if self.end is None:
            return name if self.begin == 0 else f"{name}:{self.begin + 1}-"
        return f"{name}:{self.begin + 1}-{self.end}"


_CONTIG = re.compile(r"##contig=<(?:.*,)?ID=([^,>]+)")
_SPAN = re.compile(r"(?:\{([^}]*)\}|([^:,{}]+))(?::([0-9]+)-([0-9]*))?(?:,|$)")


def parse_regions(text: str) -> tuple[Span, ...]:
    """Regions as `Shard.regions` writes them. Errors: BadInput."""
    spans, at = [], 0
    while at < len(text):
        match = _SPAN.match(text, at)
        if not match:
            raise BadInput(f"{text[at : at + 100]!r} is no region of a shard")
        braced, plain, begin, end = match.groups()
        spans.append(Span(braced or plain, int(begin or 1) - 1, int(end) if end else None))
        at = match.end()
    return tuple(spans)


@dataclass(frozen=True)
class Shard:
    """What one process scores."""

    spans: tuple[Span, ...]
    sites: int
    """As many are expected: exact where the index counts them and no contig is cut."""

    def regions(self) -> str:
        """For `-r`."""
        return ",".join(span.text() for span in self.spans)


def cut_into_shards(path: str, number: int | None = None) -> list[Shard]:
    """The shards of a call file, in its order; fewer than `number` where there is no more to cut.

    Without `number` a shard has about SITES_PER_SHARD sites. A file without records is one shard:
    the first contig of its header, if it has any. Errors: BadInput for a stream, an
    index that is missing or damaged, damaged records.
    """
    with Layout(path) as layout:
        if not layout.contigs:
            return [Shard((Span(name, 0, None),), 0) for name in _declared(path)[:1]]
        density = 0.0
        if any(contig.records is None for contig in layout.contigs):
            density = layout.density()
        sites = [
            (one.end - one.begin) / max(density, 1e-9) if one.records is None else one.records
            for one in layout.contigs
        ]
        total = sum(sites)
        number = number or min(MOST_SHARDS, max(1, round(total / SITES_PER_SHARD)))
        return _shards(layout, _cuts(layout, sites, number))


def _declared(path: str) -> list[str]:
    """The contigs of a call file's header."""
    calls = Calls(path, sites_only=True)
    lines = calls.header()
    calls.close()
    return [match[1] for line in lines if (match := _CONTIG.match(line))]


@dataclass(frozen=True, order=True)
class _Cut:
    """Before the record at `position` of the contig; `sites` lie before."""

    contig: int
    position: int
    sites: float


def _cuts(layout: Layout, sites: Sequence[float], number: int) -> list[_Cut]:
    """Where shards begin: the first contig's beginning, and then; last the end of all."""
    wanted = sum(sites) / number
    cuts = [_Cut(0, 0, 0.0)]
    before, contig = 0.0, 0  # sites of the contigs before this one
    for target in (wanted * k for k in range(1, number)):
        while contig < len(sites) - 1 and before + sites[contig] <= target:
            before += sites[contig]
            contig += 1
        cut = _cut(layout, contig, sites[contig], target - before, wanted, before)
        if cut.contig < len(sites) and (cut.contig, cut.position) > (
            cuts[-1].contig,
            cuts[-1].position,
        ):
            cuts.append(cut)
    return [*cuts, _Cut(len(sites), 0, sum(sites))]


def _cut(
    layout: Layout, contig: int, sites: float, inside: float, wanted: float, before: float
) -> _Cut:
    """About `inside` of the contig's sites lie before it."""
    beside = _Cut(contig + 1, 0, before + sites)
    if sites < SMALL * wanted:
        return _Cut(contig, 0, before) if 2 * inside < sites else beside
    extent = layout.contigs[contig]
    bytes_of_contig = max(extent.end - extent.begin, 1e-9)
    found = layout.cut(contig, extent.begin + inside / max(sites, 1e-9) * bytes_of_contig)
    if found is None:
        return beside
    position, place = found
    return _Cut(contig, position, before + sites * (place - extent.begin) / bytes_of_contig)


def _shards(layout: Layout, cuts: Sequence[_Cut]) -> list[Shard]:
    shards = []
    for first, last in pairwise(cuts):
        spans = []
        for i in range(first.contig, min(last.contig + 1, len(layout.contigs))):
            begin = first.position if i == first.contig else 0
            end = last.position if i == last.contig else None
            if end is None or end > begin:
                spans.append(Span(layout.contigs[i].name, begin, end))
        shards.append(Shard(tuple(spans), round(last.sites) - round(first.sites)))
    return shards


def too_few(cut: Sequence[tuple[str, int]], number: int) -> str | None:
    """What to say of call files that can be cut into fewer shards than `number`, each with its."""
    if not cut:
        return None
    path, n = cut[0]
    others = f", and {len(cut) - 1:,} other call files into fewer too" if len(cut) > 1 else ""
    return f"{path} can be cut into {n}, not into {number}{others}"


def check_regions(shards: Sequence[Shard]) -> None:
    """Errors: UsageError for a shard whose regions no command line could hold."""
    for shard in shards:
        if len(shard.regions()) > MOST_REGIONS_BYTES:
            raise UsageError(
                f"a shard would have {len(shard.spans):,} contigs, whose names no command line "
                f"holds: ask for more shards than {len(shards)} with `number=`"
            )
