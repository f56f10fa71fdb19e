"""Memory that clients on this machine share: window batches without the copies of a message.

A client hands over one file of memory (memfd) at the socket `PATH.memory`, under the name that its
streams of Score give. The server never maps it: what a batch says lies there is read into memory of
the server's own, and checked there. So nothing that a client does to it meanwhile, or its size,
can do harm; docs/reference/protocol.md.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.errors import BadBatch
from cnnscore.serve.socket_file import SocketFile
from cnnscore.wire.memory import HANDOVER_SECONDS, SUFFIX, TAKEN

log = logging.getLogger("cnnscore")

NAME = re.compile(rb"[0-9a-f]{32}")
MOST_FILES = 4  # received at once: one is right, and more are closed
PAUSE_SECONDS = 1.0  # when there is no file descriptor left for a client


class Memory:
    """What one client shares; closed with its last user."""

    def __init__(self, file: int) -> None:
        self._file = file

    def __del__(self) -> None:
        os.close(self._file)

    def read(self, begin: int, n: int) -> NDArray[np.uint8]:
        """A copy of bytes [begin, begin + n). Errors: BadBatch when they are not there."""
        copy = np.empty(n, np.uint8)
        left = memoryview(copy.data)
        while left:
            try:
                got = os.preadv(self._file, [left], begin)
            except (OSError, OverflowError):
                got = 0
            if not got:
                raise BadBatch(
                    f"window batch: the shared memory has no {len(left)} bytes at {begin}"
                )
            left, begin = left[got:], begin + got
        return copy


class MemoryDoor:
    """Takes memory at `PATH.memory`, of `places` clients at a time; used by the event loop alone.

    A client's memory is there as long as its connection. Errors: BadOutput when nobody can listen
    there.
    """

    def __init__(self, server: Path, mode: int, places: int) -> None:
        self._places = places
        self._memories: dict[str, Memory] = {}
        self._open: dict[socket.socket, str] = {}
        """Connections, and what each one's client is called, "" before it has said so."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        path = server.with_name(server.name + SUFFIX)
        # Whoever has the server's own name has this one too.
        self._file = SocketFile(path, mode, self._listen, take_over=True)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._listener, self._accept)

    def of(self, client: str) -> Memory | None:
        """The memory that a client has handed over."""
        return self._memories.get(client)

    def close(self) -> None:
        """Take no more, and forget all."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in list(self._open):
            self._drop(connection)
        self._file.close()

    def _listen(self, target: str) -> None:
        try:
            self._listener.bind(target.removeprefix("unix:"))
            self._listener.listen(128)
        except OSError as error:
            raise RuntimeError(error.strerror) from None

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # no file descriptor, until somebody leaves
            log.debug("no memory taken for a while: %s", error)
            self._loop.remove_reader(self._listener)
            self._loop.call_later(PAUSE_SECONDS, self._listen_again)
            return
        if len(self._open) >= self._places:
            connection.close()  # its batches will come in messages
            return
        connection.setblocking(False)
        self._open[connection] = ""
        self._loop.add_reader(connection, self._hear, connection)
        self._loop.call_later(HANDOVER_SECONDS, partial(self._drop_silent, connection))

    def _listen_again(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    def _hear(self, connection: socket.socket) -> None:
        """One message is right: a name with a file. Whatever comes after it is the end."""
        if self._open[connection] or not self._take(connection):
            self._drop(connection)

    def _take(self, connection: socket.socket) -> bool:
        try:
            name, files, _, _ = socket.recv_fds(connection, 64, MOST_FILES, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return True
        except OSError:
            return False
        memories = [Memory(file) for file in files]
        client = name.decode("ascii", "replace")
        if not NAME.fullmatch(name) or len(files) != 1 or client in self._memories:
            return False
        try:
            fcntl.fcntl(files[0], fcntl.F_GET_SEALS)  # only files of memory have such
            connection.send(TAKEN)
        except OSError:
            return False
        self._open[connection], self._memories[client] = client, memories[0]
        return True

    def _drop_silent(self, connection: socket.socket) -> None:
        if self._open.get(connection) == "":
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        self._memories.pop(self._open.pop(connection), None)
        with suppress(OSError):
            connection.close()
