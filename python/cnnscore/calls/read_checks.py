"""What is asked of read files, and said of them: the same for whoever looks at reads.

The rules and their words are those of native/records/read_checks.c.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cnnscore.calls.windows import READS_WITHOUT_GROUP, SITES_WITHOUT_READS
from cnnscore.errors import UsageError

if TYPE_CHECKING:
    from cnnscore.calls.records import Calls
    from cnnscore.calls.windows import ReadCounts, WindowReader

log = logging.getLogger("cnnscore")


def check_depth(depth: float | None, looker: str, *, uses_depth: bool) -> None:
    """Errors: UsageError of a `sample_depth=` that is none, or that `looker` has no use for."""
    if depth is None:
        return
    if not uses_depth:
        raise UsageError(f"{looker} does not look at the sample's depth: leave out `sample_depth=`")
    if not 0 < depth < float("inf"):
        raise UsageError(f"a sample depth of {depth}: give one above 0")


class ReadChecks:
    """Of the read files of `reader`, which no site was read from yet; `looker` is whoever looks at
    reads, in words.

    `depth` is the sample's: the one given, else measured; NaN: unknown. With `said` nothing is
    warned of: somebody has looked at these files already. Errors: BadInput of the files.
    """

    def __init__(
        self,
        reader: WindowReader,
        looker: str,
        *,
        uses_depth: bool,
        sample_depth: float | None = None,
        said: bool = False,
    ) -> None:
        self._reader, self._looker, self._said = reader, looker, said
        if not said:
            reader.warn_of_indexes()
        self.depth = reader.measure_depth() if sample_depth is None else sample_depth
        self._looked = reader.look()
        counts = not self._looked.sites_empty  # else that is what there is to say
        if uses_depth and sample_depth is None and counts:
            self._warn(reader.depth_warning(self.depth))

    def _warn(self, warning: str | None) -> None:
        if warning and not self._said:
            log.warning(warning)

    def whose(self, calls: Calls, sample: str | None) -> None:
        """Warn where the reads may be of somebody else than the calls; no `sample` was named."""
        self._warn(self._reader.samples_warning(calls, sample))

    def so_far(self, counts: ReadCounts, *, of_all: bool = True) -> None:
        """End a run that will find no read that counts; `counts` are of all readers of the files.
        Those of a shard (not `of_all`) end it where no read of the files counts anywhere.

        Errors: BadInput.
        """
        if of_all or self._looked.sites_empty:
            self._check(counts, READS_WITHOUT_GROUP, SITES_WITHOUT_READS)

    def at_end(self, counts: ReadCounts) -> None:
        """The same of all sites, however few they were. Errors: BadInput."""
        self._check(counts, 1, 1)

    def _check(self, counts: ReadCounts, groups: int, sites: int) -> None:
        reader = self._reader
        reader.check_read_groups(counts, self._looker, enough=groups)
        reader.check_reads(counts, self._looked, self._looker, enough=sites)

    def warn(self, counts: ReadCounts) -> None:
        """Say loudly, at the end, what a user should know about the reads that did not count."""
        for warning in self._reader.reads_warnings(counts):
            self._warn(warning)
