"""Scored shards -> one call file: that which `score` writes in one process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cnnscore.calls.output import (
    RECORDS_PER_READ,
    OutputOptions,
    check_output,
    open_output,
    write_all,
)
from cnnscore.calls.records import Calls, Records, Writer
from cnnscore.errors import BadInput
from cnnscore.progress import counted
from cnnscore.scatter.shards import Span, parse_regions
from cnnscore.scatter.task import unheard

OF_A_RUN = re.compile(r"##(cnnscore_score|bcftools_cnnscore)(Version|Command)=")
"""Header lines that tell of the process which wrote a shard."""
_SHARD = re.compile(
    r'##cnnscore_shard=<ID=([^,]*),Regions="([^"]*)",'
    r"Overlap=[a-z]+,First=([0-9]+),Contigs=([0-9]+)>"
)

Decisive = Callable[[str], Mapping[str, object]]
"""The command line of a shard -> the options that decide its scores, by name."""


@dataclass(frozen=True)
class Gathered:
    """What the shards hold together."""

    shards: int
    sites: int
    scored: int
    seconds: float

    def text(self) -> str:
        """One line for the user."""
        left = self.sites - self.scored
        return (
            f"{self.scored:,} of {self.sites:,} sites scored, in {counted(self.shards, 'shard')}"
            + (f"; {left:,} not scored" if left else "")
        )


@dataclass(frozen=True)
class _Scored:
    """A shard as its header tells of it (native/records/layout.c writes the line)."""

    path: str
    key: str
    spans: tuple[Span, ...]
    first: int
    """Which contig of those with records its first one is, from 1 on; 0: it has none."""
    contigs: int
    """How many of the whole file have records."""
    header: tuple[str, ...]
    of_the_run: tuple[str, ...]
    """Lines of the header that the whole file has otherwise."""

    @classmethod
    def read(cls, path: str) -> _Scored:
        if path == "-" or (Path(path).exists() and not Path(path).is_file()):
            raise BadInput(
                f"{'standard input' if path == '-' else path} is no file that can be read several "
                "times, as gathering does: write the shard to a file, and give that"
            )
        calls = Calls(path, sites_only=True)
        lines = calls.header()
        calls.close()
        found = [i for i, line in enumerate(lines) if line.startswith("##cnnscore_shard=")]
        match = _SHARD.fullmatch(lines[found[-1]]) if found else None
        if not match:
            raise BadInput(
                f"{path} does not say which part of a call file it is: make it with "
                "`cnnscore score`, with those of a line of `cnnscore shards` as `region=`"
            )
        runs = [line for line in lines[found[-1] + 1 :] if OF_A_RUN.match(line)]
        own = (lines[found[-1]], *runs)
        key, regions, first, contigs = match.groups()
        spans = parse_regions(regions)
        common = tuple(line for line in lines if line not in own)
        return cls(path, key, spans, int(first), int(contigs), common, own)


def gather(
    shards: Sequence[str],
    output: str,
    written: OutputOptions,
    *,
    decisive: Decisive | None = None,
) -> Gathered:
    """Write the records of all shards of a call file, in its order, under one header.

    `written.header_lines` take the place of the shards' own version and command. `decisive` reads
    their commands, where they have them. Errors: BadInput where a shard is missing, doubled, out of
    order, damaged, of another file or network, or scored otherwise; BadOutput; UsageError for an
    index that cannot be.
    """
    start = time.monotonic()
    written.mode(output)
    check_output(output, shards)
    scored = [_Scored.read(path) for path in shards]
    _check_alike(scored, decisive)
    _check_order(scored)
    counts = [_check_records(shard) for shard in scored]
    if not any(OF_A_RUN.match(line) for line in scored[0].of_the_run):
        written = replace(written, header_lines=())
    source = Calls(shards[0])
    for line in scored[0].of_the_run:
        source.drop_header(line)
    with open_output(source, output, written) as writer:
        append(writer, shards)
    sites, known = (sum(column) for column in zip(*counts, strict=True))
    return Gathered(len(shards), sites, known, time.monotonic() - start)


def append(writer: Writer, shards: Sequence[str]) -> None:
    """Write the records of scored shards behind each other: their compressed blocks, where the
    output is of their kind. Errors: BadInput, BadOutput."""
    for path in shards:
        if writer.copy(path):
            continue
        calls = Calls(path)
        with unheard():  # a shard may have no record
            write_all(calls, writer)
        calls.close()


def _check_alike(shards: Sequence[_Scored], decisive: Decisive | None) -> None:
    """Errors: BadInput where shards are of different files, networks or options."""
    first = shards[0]
    wanted = _options(first, decisive) if decisive else {}
    for other in shards[1:]:
        if other.header != first.header or other.contigs != first.contigs:
            differing = set(other.header) ^ set(first.header)
            what = next((line for line in other.header + first.header if line in differing), "")
            raise BadInput(
                f"{other.path} and {first.path} are no shards of one run: their headers differ"
                + (f" ({what[:200]})" if what else "")
                + "; score all with one network and the same options"
            )
        if decisive is None:
            continue
        for name, value in _options(other, decisive).items():
            if name in wanted and value != wanted[name]:
                raise BadInput(
                    f"{other.path} was scored with another {name} ({value}) than "
                    f"{first.path} ({wanted[name]}): score all with the same options"
                )


def _options(shard: _Scored, decisive: Decisive) -> Mapping[str, object]:
    for line in shard.of_the_run:
        name, _, value = line.partition("=")
        if name == "##cnnscore_scoreCommand":
            return decisive(value.rpartition("; Date=")[0])
    return {}


def _check_order(shards: Sequence[_Scored]) -> None:
    """Errors: BadInput where shards do not follow each other from the first record to the last."""
    begun = 0  # contigs
    last: Span | None = None
    for shard in shards:
        for i, span in enumerate(shard.spans):
            if last is not None and last.end is not None:
                follows = span.contig == last.contig and span.begin == last.end
                wanted = f"{last.contig}:{last.end + 1}"
            else:
                begun += 1
                follows = span.begin == 0 and (i > 0 or shard.first == begun)
                wanted = f"the contig after {last.contig}" if last else "the first contig"
            if not follows:
                raise BadInput(
                    f"{shard.path} has {span.text()} where {wanted} is to come: a shard is "
                    "missing, doubled or out of order; give each once, in the order of `cnnscore "
                    "shards`"
                )
            last = span
    if begun < shards[0].contigs or (last is not None and last.end is not None):
        end = (
            f"at {last.contig}:{last.end or ''}".rstrip(":") if last else "before the first record"
        )
        raise BadInput(
            f"a shard is missing: {shards[-1].path} is the last one, and the shards end {end}, "
            f"with {begun} of {shards[0].contigs} contigs that have records"
        )


def _read(calls: Calls, records: Records) -> int:
    """The next records of a shard, which may have none."""
    with unheard():
        return calls.read(records, RECORDS_PER_READ)


def _check_records(shard: _Scored) -> tuple[int, int]:
    """How many records, and how many with a score. Errors: BadInput for one outside the shard."""
    calls = Calls(shard.path, must_be_sorted=True, sites_only=True)
    records, spans = Records(), {span.contig: span for span in shard.spans}
    n_sites = n_scored = 0
    while n := _read(calls, records):
        sites = records.sites()
        for contig in np.unique(sites.contig):
            span = spans.get(sites.contig_name(int(contig)))
            beside = sites.contig == contig
            if span is not None:  # what lies before a contig's first base belongs to its beginning
                low = span.begin if span.begin else -1
                high = np.inf if span.end is None else span.end
                beside &= (sites.pos < low) | (sites.pos >= high)
            if beside.any():
                raise BadInput(
                    f"{shard.path}: the record {sites.locus(int(np.argmax(beside)))} lies outside "
                    "the shard, and is another's too: score shards with `regions_overlap=pos`"
                )
        known = ~np.isnan(records.numbers("INFO", shard.key))
        n_sites += n
        n_scored += int(np.logical_or.reduceat(known, sites.site_allele[:-1]).sum())
    calls.close()
    return n_sites, n_scored
