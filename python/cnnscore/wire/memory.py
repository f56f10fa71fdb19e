"""Window batches in memory that a server on this machine can read too.

A message copies its bytes many times. What is sent and checked stands in
docs/reference/protocol.md; the server's side is serve/memory.py.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.wire.messages import MemoryPlace

log = logging.getLogger("cnnscore")

SUFFIX = ".memory"
"""Of the socket beside a server's own where memory is handed over."""
TAKEN = b"\x01"
"""What the server answers there."""
HANDOVER_SECONDS = 5.0


class SharedMemory:
    """One client's memory, with a place for each batch under way; from any thread.

    `server` is the path of the server's socket, `client` what streams of this client call
    themselves, `place_bytes` the most that one batch may have.
    """

    def __init__(self, server: str, client: str, place_bytes: int) -> None:
        self._server, self._client = server, client
        self._place_bytes = -(-place_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        self._connection: int | None = None
        self._file = -1
        self._file = os.memfd_create("cnnscore", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # The server cannot take away what is mapped here.
        fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self._lock = threading.Lock()
        self._free: list[tuple[int, mmap.mmap]] = []
        self._places = 0

    def is_shared(self) -> bool:
        """Whether the server has this memory; hands it over if not, as to one that was started
        again.
        """
        with self._lock:
            if self._connection is not None and _is_open(self._connection):
                return True
            self._hang_up()
            self._connection = self._hand_over()
            return self._connection is not None

    @contextmanager
    def lent(self) -> Iterator[Places]:
        """Places for one call; free again at the end of the block."""
        places = Places(self)
        try:
            yield places
        finally:
            with self._lock:
                self._free += places.taken

    def take(self) -> tuple[int, mmap.mmap]:
        """A free place: where it begins, and its memory. Errors: OSError, ValueError."""
        with self._lock:
            if self._free:
                return self._free.pop()
            begin = self._places * self._place_bytes
            os.ftruncate(self._file, begin + self._place_bytes)
            memory = mmap.mmap(self._file, self._place_bytes, offset=begin)
            self._places += 1
            return begin, memory

    def close(self) -> None:
        """Let go of the memory; nobody uses it."""
        self._hang_up()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()

    def _hang_up(self) -> None:
        if self._connection is not None:
            os.close(self._connection)
            self._connection = None

    def _hand_over(self) -> int | None:
        path = Path(self._server + SUFFIX)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                connection.settimeout(HANDOVER_SECONDS)
                # Short however long the folder's name is: the address of a socket has a limit.
                connection.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
            socket.send_fds(connection, [self._client.encode()], [self._file])
            if connection.recv(1) != TAKEN:
                raise ConnectionRefusedError("it is not taken")
        except OSError as error:
            log.debug("batches go to the server in messages, not in shared memory: %s", error)
            connection.close()
            return None
        return connection.detach()


class Places:
    """Where one call puts its batches."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self.taken: list[tuple[int, mmap.mmap]] = []

    def put(self, columns: Sequence[NDArray[Any]]) -> MemoryPlace:
        """Copy the columns of a batch, which has room. Errors: OSError, ValueError for want of
        memory.
        """
        self.taken.append(self._memory.take())
        at, memory = self.taken[-1]
        place = MemoryPlace(at, tuple(column.nbytes for column in columns))
        whole = np.frombuffer(memory, np.uint8)
        for begin, column in zip(place.offsets, columns, strict=False):
            whole[begin : begin + column.nbytes] = column.reshape(-1).view(np.uint8)
        return place


def _is_open(connection: int) -> bool:
    """Nothing comes any more but the end."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)


def can_share(path: str) -> bool:
    """Whether a server at this path, "" for none, may take memory."""
    has: Any = getattr(os, "memfd_create", None)
    return bool(path) and has is not None
