"""The reads and the reference of a run, open once per thread, and what is asked of these files."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from cnnscore.calls.read_checks import ReadChecks
from cnnscore.calls.windows import ReaderOptions, WindowBuffers, WindowReader
from cnnscore.description import Description
from cnnscore.score.options import ScoreOptions


class Readers:
    """Window readers of the same files, one per thread, as `options` ask for.

    Runs may share them: files are opened, and looked at, once, and no more threads read windows
    than there are readers. `in_order`: sites are read in the order of the file, by one reader.
    `checks` are of the files. Errors: BadInput of the files.
    """

    def __init__(
        self,
        network: Description,
        reference: str,
        reads: Sequence[str],
        options: ScoreOptions,
        threads: int,
    ) -> None:
        one = replace(
            ReaderOptions.of_network(network, reference, reads, options.sample),
            downsampling=options.downsampling,
        )
        self.in_order = options.downsampling == "gatk" and network.needs_reads
        others = 0 if self.in_order else threads - 1
        another = replace(one, is_another=True)
        self._all = [WindowReader(one), *(WindowReader(another) for _ in range(others))]
        self.first = self._all[0]
        self.checks = ReadChecks(
            self.first,
            network.model,
            uses_depth=network.uses_depth,
            sample_depth=options.sample_depth,
        )
        self._free: queue.SimpleQueue[tuple[WindowReader, WindowBuffers]] = queue.SimpleQueue()
        for reader in self._all:
            reader.set_depth(self.checks.depth)
            self._free.put((reader, WindowBuffers()))

    @contextmanager
    def free(self) -> Iterator[tuple[WindowReader, WindowBuffers]]:
        """A reader, and memory for its windows, for this thread alone."""
        reader, buffers = self._free.get()
        try:
            yield reader, buffers
        finally:
            self._free.put((reader, buffers))

    def close(self) -> None:
        """Close the files."""
        for reader in self._all:
            reader.close()
