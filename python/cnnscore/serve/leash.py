"""The process that started a server holds its standard input, and so its life."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from cnnscore.wire.address import Address
from cnnscore.wire.memory import SUFFIX

EXIT_ENDED = 1  # for a starter that is there after all, and gave no standard input


def end_with_stdin(listen: Address, last_words: str) -> None:
    """From now on, end this process as soon as its standard input does.

    At once, whatever is in work: nobody waits for it. Its sockets go, and their folder if that is
    empty then. `last_words` are written to stderr.
    """
    threading.Thread(
        target=_watch, args=(listen.path, last_words), daemon=True, name="leash"
    ).start()


def _watch(socket: str, last_words: str) -> None:
    with suppress(OSError):  # closed from the start
        while os.read(0, 4096):
            pass
    if socket:
        with suppress(OSError):
            Path(socket).unlink(missing_ok=True)
            Path(socket + SUFFIX).unlink(missing_ok=True)
            Path(socket).parent.rmdir()
    with suppress(OSError):
        os.write(2, last_words.encode())
    os._exit(EXIT_ENDED)
