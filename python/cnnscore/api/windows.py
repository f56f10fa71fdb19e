"""Windows: sites with the reference, the reads and the annotations around each, held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from cnnscore.api.explained import Explained
from cnnscore.batch import WindowBatch, concatenate
from cnnscore.calls.read_checks import ReadChecks
from cnnscore.calls.records import Calls, Intervals, Records
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from cnnscore.checked import type_of
from cnnscore.errors import BadInput, UsageError, WrongType
from cnnscore.files import absolute_name, scratch_folder
from cnnscore.html import html_table
from cnnscore.network.encode import Planes
from cnnscore.score.engine import Engine
from cnnscore.score.options import ScoreOptions
from cnnscore.score.run import check_sample
from cnnscore.viewer.choose import copy_records, read_columns
from cnnscore.viewer.reads import Read, site_reads
from cnnscore.viewer.sites import Looker, Record, Site, look_at, records_of, shown_window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_WINDOWS = 10_000
"""More are asked for by `limit=`: with reads a window takes about 40 kB."""
SHOWN = 20
"""Windows that a notebook lists."""


class Window:
    """One site with what its network may look at. An item of `Windows`."""

    def __init__(self, windows: Windows, number: int, record: Record) -> None:
        self._windows, self._number = windows, number
        self.record = record
        """The record's text: `contig`, `pos` (1-based), `ref`, `alt`, `qual`, `filter`, `info`."""

    @property
    def engine(self) -> Engine:
        """The network that it was read for."""
        return self._windows.engine

    @cached_property
    def batch(self) -> WindowBatch:
        """The site as a batch of one, as encoders take it."""
        return self._windows.batch_of(self._number)

    @property
    def reference(self) -> str:
        """Bases around the site, upper case; `.` beyond the contig's ends."""
        bases: bytes = self.batch.reference[0].tobytes()
        return bases.replace(b"\0", b".").decode()

    @property
    def start(self) -> int:
        """Position (1-based) of the first base of `reference`; below 1 beyond the contig."""
        return int(self.batch.pos[0]) - self.batch.reference_left + 1

    @cached_property
    def reads(self) -> list[Read]:
        """The reads that the network takes: name, flag, MAPQ, pos (0-based), CIGAR and the number
        of the allele that each shows (-1: none of them, -2: it does not reach the site).
        """
        return site_reads(self.batch, 0, [self.record.ref, *self.record.alt.split(",")])

    @property
    def annotations(self) -> dict[str, float]:
        """The caller's annotations that the network takes, NaN where the record has none."""
        names = self.engine.manifest.annotations
        return dict(zip(names, self.batch.annotations[0].tolist(), strict=True))

    def site(self) -> Site:
        """The site as `cnnscore view` shows it: planes, pileup, score."""
        return self._windows.site_of(self)

    def plot(self) -> Figure:
        """A matplotlib figure: the pileup, or the reference alone, and the numbers.

        Errors: UsageError where matplotlib is not installed.
        """
        from cnnscore.viewer.picture import figure_of

        return figure_of(self.site(), self.engine.manifest)

    def __repr__(self) -> str:
        return f"<cnnscore.Window: {self.record.name}, {len(self.reads)} reads>"

    def _repr_html_(self) -> str:
        rows: dict[str, object] = {
            "site": self.record.name,
            "reads": len(self.reads),
            "of an ALT allele": sum(read.allele > 0 for read in self.reads),
            **{name: f"{value:.4g}" for name, value in self.annotations.items()},
        }
        return html_table({name: [value] for name, value in rows.items()})


class Windows(Sequence[Window]):
    """Sites in file order. Made by `Scorer.windows`; `windows[3]`, `windows[:10]`, iteration."""

    def __init__(
        self,
        engine: Engine,
        looker: Looker,
        batches: list[WindowBatch],
        records: list[Record],
        typical: NDArray[np.float32],
    ) -> None:
        self.engine: Engine = engine
        self._looker = looker
        self._batches, self._records = batches, records
        self._typical = typical
        self._drawing = Lock()
        self._first = np.cumsum([0, *(len(batch) for batch in batches)])

    @cached_property
    def _pileups(self) -> WindowReader:
        """Reads the pileups that are drawn; its files stay open as long as the windows are held."""
        return WindowReader(self._looker.pileup_options)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, number: int) -> Window: ...
    @overload
    def __getitem__(self, number: slice) -> list[Window]: ...
    def __getitem__(self, number: int | slice) -> Window | list[Window]:
        numbers = range(len(self))
        try:
            at = numbers[number]
        except TypeError:
            raise WrongType(
                f"`windows[...]` takes a number, or a slice of them, not {type_of(number)}"
            ) from None
        except IndexError:
            raise IndexError(
                f"no window {number}: there are {len(self):,}, the first is 0"
            ) from None
        if isinstance(at, range):
            return [self[i] for i in at]
        return Window(self, at, self._records[at])

    def __iter__(self) -> Iterator[Window]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> str:
        raise WrongType(
            "windows stay in their process, with the files they are of: send the scorer, and read "
            "them there"
        )

    def batch_of(self, number: int) -> WindowBatch:
        """A site as a batch of one."""
        i = int(np.searchsorted(self._first, number, side="right")) - 1
        at = number - int(self._first[i])
        return self._batches[i].part(at, at + 1)

    def site_of(self, window: Window) -> Site:
        """A site as it is shown, with the reads that are drawn beside a network's inputs."""
        batch = pileup = window.batch
        if self._looker.beside:
            with self._drawing:  # a reader is one thread's at a time
                pileup = self._pileups.read(batch.take_sites(np.zeros(1, np.int64)))
        columns = shown_window(self.engine, beside=self._looker.beside)
        return look_at(self.engine, window.record, batch, pileup, columns, self._typical, -1)

    def __repr__(self) -> str:
        return f"<cnnscore.Windows: {len(self):,} sites for {self.engine.manifest.name}>"

    def _repr_html_(self) -> str:
        rows = {
            str(i): [*record.name.rsplit(":", 3), record.qual, record.filter]
            for i, record in enumerate(self._records[:SHOWN])
        }
        head = ["", "contig", "pos", "ref", "alt", "qual", "filter"]
        return html_table(rows, head) + f"<p>{len(self):,} sites</p>"


@dataclass(frozen=True)
class WindowRequest:
    """Which windows are read."""

    calls: str
    reference: str
    reads: tuple[str, ...]
    intervals: Intervals
    sample: str | None
    sample_depth: float | None
    limit: int | None


def read_windows(engine: Engine, asked: WindowRequest) -> Windows:
    """Read windows into memory. Errors: UsageError for more than MOST_WINDOWS, where no limit is
    named; those of Calls and WindowReader.
    """
    network, path = engine.description, asked.calls
    reads = asked.reads if network.needs_reads else ()
    columns = read_columns(
        path,
        asked.intervals,
        annotations=network.annotations,
        score_key=None,
        reference=asked.reference,
    )
    if asked.limit is None and len(columns) > MOST_WINDOWS:
        raise UsageError(
            f"{path} has {len(columns):,} records: windows are held in memory, so give a "
            "`region=`, or a number of them as `limit=`"
        )
    n = len(columns) if asked.limit is None else min(asked.limit, len(columns))
    with scratch_folder() as folder:
        small = folder / "chosen.vcf"
        copy_records(path, asked.intervals, np.arange(n), small, asked.reference)
        texts = list(records_of(small, asked.sample))
    calls = Calls(
        path,
        intervals=asked.intervals,
        reference=asked.reference,
        annotations=network.annotations,
        again=True,
    )
    check_sample(calls, network, ScoreOptions(sample=asked.sample))
    batches: list[WindowBatch] = []
    options = ReaderOptions.of_network(network, asked.reference, reads, asked.sample)
    with WindowReader(replace(options, whole_reads=True)) as reader:  # people look at them
        checks = ReadChecks(
            reader, network.model, uses_depth=network.uses_depth, sample_depth=asked.sample_depth
        )
        checks.whose(calls, asked.sample)
        reader.set_depth(checks.depth)
        while (left := n - sum(map(len, batches))) > 0:
            records = Records()
            if not calls.read(records, min(left, network.sites_per_job)):
                raise BadInput(f"{path} became shorter while it was read: try again")
            batches.append(reader.read(records.sites(), WindowBuffers()))
        checks.at_end(reader.counts())
        checks.warn(reader.counts())
    looker = Looker(  # opens them when a site is drawn, wherever the process is then
        engine,
        reference=absolute_name(asked.reference),
        reads=[absolute_name(name) for name in asked.reads],
        sample=asked.sample,
    )
    return Windows(engine, looker, batches, texts, columns.typical)


class Tensors(dict[str, NDArray[np.generic]]):
    """What a network takes of some windows: its inputs by name, each [n, ...], one row per site, or
    per ALT allele for a network that scores alleles.
    """

    def __init__(self, planes: Planes, site: NDArray[np.int64], allele: NDArray[np.int64]) -> None:
        super().__init__(planes)
        self.site = site
        """[n] number of each row's window."""
        self.allele = allele
        """[n] the ALT allele of each row, 1 is the first; 0 for a network that scores records."""

    def __repr__(self) -> str:
        shapes = (f"{name} {plane.dtype}{list(plane.shape)}" for name, plane in self.items())
        return f"<cnnscore.Tensors: {', '.join(shapes)}>"

    def _repr_html_(self) -> str:
        rows = {name: [plane.dtype, list(plane.shape)] for name, plane in self.items()}
        return html_table(rows, head=["input", "numbers", "shape"])


def needs_reads(given: object) -> bool:
    """Whether the network that windows were read for looks at reads."""
    one = given if isinstance(given, Windows | Window) else next(iter(_listed(given)), None)
    return one is not None and one.engine.description.needs_reads


def _listed(given: object) -> list[Window]:
    """Windows as a list. Errors: WrongType."""
    listed = [given] if isinstance(given, Window) else given
    if not isinstance(listed, Sequence) or not all(isinstance(one, Window) for one in listed):
        raise WrongType(f"this takes what `scorer.windows` gives, or some of it, not {given!r}")
    return list(listed)


def tensors_of(engine: Engine, windows: Windows | Window | Sequence[Window]) -> Tensors:
    """The inputs that `engine` makes of windows. Errors: WrongType, UsageError for none."""
    given = _listed(windows)
    if not given:
        raise UsageError("no windows were given: there is nothing to be made of them")
    rows, planes = engine.tensors(concatenate([window.batch for window in given]))
    return Tensors(planes, rows.site, rows.allele)


def explain_window(engine: Engine, window: Window, runs: int | None) -> Explained:
    """What moved the score of a site. Errors: WrongType."""
    if not isinstance(window, Window):
        raise WrongType("`window=` takes one window, as `scorer.windows(...)[0]`")
    return Explained.of(engine, window.site(), runs)
