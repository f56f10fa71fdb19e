"""A call file that is read twice, also where it comes as a stream."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnscore.errors import BadOutput

SPOOL_BYTES = 1 << 20


@contextmanager
def readable_twice(calls: str) -> Iterator[tuple[str, str | None]]:
    """A path that can be opened again, and what messages call it; a stream is spooled for it.

    Errors: BadOutput when there is no room.
    """
    if calls != "-" and (not Path(calls).exists() or Path(calls).is_file()):
        yield calls, None
        return
    name = "standard input" if calls == "-" else calls
    # It has no name, so that nothing is left of it whatever happens.
    with tempfile.TemporaryFile(prefix="cnnscore.") as spool:
        try:
            if calls == "-":
                shutil.copyfileobj(sys.stdin.buffer, spool, SPOOL_BYTES)
            else:
                with Path(calls).open("rb") as stream:
                    shutil.copyfileobj(stream, spool, SPOOL_BYTES)
            spool.flush()
        except OSError as error:
            raise BadOutput(
                f"cannot spool {name} to {tempfile.gettempdir()}: {error.strerror}; it is read "
                "twice, so give a file, or another folder as TMPDIR"
            ) from None
        yield f"/dev/fd/{spool.fileno()}", name
