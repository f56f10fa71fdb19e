"""A scoring server as an engine: the same face, the work elsewhere."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.description import Description
from cnnscore.errors import (
    BadBatch,
    BadInput,
    CnnscoreError,
    InternalError,
    ServerError,
    UsageError,
)
from cnnscore.extras import need
from cnnscore.wire.address import parse_address
from cnnscore.wire.credentials import read_file, read_token

# A library does not print, and its loader reads this once.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
need("", "grpc", "google.protobuf")
import grpc  # noqa: E402 - reads the variable, and may be missing

from cnnscore.wire.memory import Places, SharedMemory, can_share  # noqa: E402
from cnnscore.wire.messages import (  # noqa: E402
    CLIENT,
    DESCRIBE,
    SCORE,
    columns_of,
    decode_description,
    decode_scores,
    encode_batch,
    encode_describe_request,
    encode_place,
)

log = logging.getLogger("cnnscore")

DESCRIBE_SECONDS = 20
SCORE_SECONDS = 600
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 8.0  # seconds, before a server that is full is asked again
T = TypeVar("T")
# What these say in a deployment, for callers without options of their own (the C ABI).
TOKEN_FILE, TLS_CA = "CNNSCORE_TOKEN_FILE", "CNNSCORE_TLS_CA"
TIMEOUT = "CNNSCORE_SERVER_TIMEOUT"


class NotShared(ServerError):
    """The server does not have the memory that a batch lies in."""


class RemoteEngine:
    """A server at `unix:PATH` or `tcp:HOST:PORT` that scores window batches; from any thread.

    TCP is TLS with a token, except to loopback without a token file. `token_file` and `tls_ca`
    (certificates to trust, PEM; by default the system's) are by default those that the environment
    variables CNNSCORE_TOKEN_FILE and CNNSCORE_TLS_CA name; `timeout`, CNNSCORE_SERVER_TIMEOUT, is
    the most seconds that a batch may take. Errors: UsageError, BadInput for a token file,
    ServerError when no server of this protocol is there.
    """

    def __init__(
        self,
        address: str,
        *,
        token_file: str | None = None,
        tls_ca: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._address = parse_address(address)
        self._timeout = timeout or _seconds(os.environ.get(TIMEOUT))
        token_file = token_file or os.environ.get(TOKEN_FILE)
        self._metadata: tuple[tuple[str, str], ...] = ()
        options: list[tuple[str, Any]] = [
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", -1),  # scores of as much as a batch may hold
            ("grpc.max_send_message_length", -1),
        ]
        if self._address.path or (self._address.is_loopback and not token_file):
            self._channel = grpc.insecure_channel(self._address.target, options)
        else:
            if not token_file:
                raise BadInput(
                    f"a server at {address} wants a token: name its file with `token_file=`, or in "
                    f"the environment variable {TOKEN_FILE}"
                )
            self._metadata = (("authorization", f"Bearer {read_token(token_file)}"),)
            authority = tls_ca or os.environ.get(TLS_CA)
            credentials = grpc.ssl_channel_credentials(read_file(authority) if authority else None)
            self._channel = grpc.secure_channel(self._address.target, credentials, options)
        # The calls of one engine, however many there are side by side, are one client's.
        self._client = ((CLIENT, secrets.token_hex(16)),)
        self._ids = count(1)
        self._calls: set[Any] = set()
        self._given_up = threading.Event()
        # A batch is a stream of its own, of one message.
        self._score: Any = self._channel.unary_unary(SCORE)
        self._memory: SharedMemory | None = None
        try:
            self._server = decode_description(self._describe())
            if can_share(self._address.path):
                limit = self._server.max_message_bytes
                self._memory = SharedMemory(self._address.path, self._client[0][1], limit)
        except BaseException:
            self.close()
            raise
        own = self._server.description
        self._description = replace(own, provider=f"{own.provider} at {self._address}")

    @property
    def description(self) -> Description:
        """What the server's network wants and gives."""
        return self._description

    def check_model(self, model: str) -> None:
        """Errors: ServerError when the server's network is not the one of this name."""
        if model != self.description.model:
            raise ServerError(
                f"the server at {self._address} scores with {self.description.model}, not {model}: "
                "leave `model=` out, or start one with the other network"
            )

    def score(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Scores float32 [N] in site order, NaN where there is none: the same as a local Engine's.

        Errors: BadBatch as there; ServerError when the server is gone, too slow or another.
        """
        self.description.check(batch)
        given_up = self._given_up
        if self._memory and self._memory.is_shared():
            try:
                with self._memory.lent() as places:
                    parts = self._messages(batch, 0, len(batch), places)
                    return self._score_parts(parts, given_up)
            # No memory is left, or the server was started again just now.
            except (NotShared, OSError, ValueError) as error:
                log.debug("a batch in a message, not in shared memory: %s", error)
        return self._score_parts(self._messages(batch, 0, len(batch)), given_up)

    def _score_parts(
        self, parts: Iterator[tuple[int, int, bytes]], given_up: threading.Event
    ) -> NDArray[np.float32]:
        scores = [
            self._patiently(partial(self._score_part, *part, given_up), self._timeout, given_up)
            for part in parts
        ]
        return np.concatenate([np.zeros(0, np.float32), *scores])

    def _score_part(
        self, id: int, n: int, message: bytes, given_up: threading.Event, seconds: float
    ) -> NDArray[np.float32]:
        call = self._score.future(message, timeout=seconds, metadata=self._metadata + self._client)
        self._calls.add(call)
        if given_up.is_set():  # before the call was among those that `cancel` ends
            call.cancel()
        try:
            answer = call.result()
        except grpc.FutureCancelledError:
            raise call from None  # an RpcError too, as every other end
        finally:
            self._calls.discard(call)
            call.cancel()  # of what is answered, nothing is left to cancel
        return decode_scores(answer, id=id, n_sites=n)

    def score_alleles(self, batch: WindowBatch) -> NDArray[np.float32]:
        """Not by a server. Errors: UsageError."""
        raise UsageError(
            "a server gives one score per record: leave out `per_allele=`, or score without one"
        )

    def cancel(self) -> None:
        """Let calls of `score` fail now, those that wait for a full server too."""
        given_up, self._given_up = self._given_up, threading.Event()
        given_up.set()
        for call in list(self._calls):
            call.cancel()

    def close(self) -> None:
        """Leave the server."""
        self._channel.close()
        if self._memory:
            self._memory.close()
            self._memory = None

    def _messages(
        self,
        batch: WindowBatch,
        begin: int,
        end: int,
        places: Places | None = None,
    ) -> Iterator[tuple[int, int, bytes]]:
        """(id, sites, message) of sites [begin, end), in parts that the server takes."""
        if begin == end:
            return
        id = next(self._ids)
        limit, network = self._server.max_message_bytes, self._server.description.network
        if places:
            part = batch.part(begin, end)
            columns = columns_of(part)
            size = sum(8 + column.nbytes for column in columns)
            if size <= limit:
                message = encode_place(part, places.put(columns), id=id, network=network)
        else:
            message = encode_batch(batch, begin, end, id=id, network=network)
            size = len(message)
        if size <= limit:
            yield id, end - begin, message
            return
        if end - begin == 1:
            raise BadInput(
                f"the site {batch.locus(begin)} takes {size:,} bytes, the server at "
                f"{self._address} takes {limit:,}: start it with a larger `max_message_mb=`"
            )
        middle = (begin + end) // 2
        yield from self._messages(batch, begin, middle, places)
        yield from self._messages(batch, middle, end, places)

    def _describe(self) -> bytes:
        describe: Any = self._channel.unary_unary(DESCRIBE)

        def ask(seconds: float) -> bytes:
            answer: bytes = describe(
                encode_describe_request(), timeout=seconds, metadata=self._metadata
            )
            return answer

        return self._patiently(ask, min(DESCRIBE_SECONDS, self._timeout), self._given_up)

    def _patiently(
        self, call: Callable[[float], T], patience: float, given_up: threading.Event
    ) -> T:
        """Call a server that may be full, which passes: again after a pause, `patience` seconds
        in all.
        """
        deadline, pause = time.monotonic() + patience, FIRST_PAUSE
        while True:
            try:
                return call(max(0.0, deadline - time.monotonic()))
            except grpc.RpcError as error:
                passes = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                if not passes or time.monotonic() + pause > deadline:
                    raise self._error(error, patience) from None
                if pause == FIRST_PAUSE:
                    said = _said(error)
                    log.warning("waiting for the server at %s: %s", self._address, said)
                if given_up.wait(pause):
                    raise self._error(error, patience) from None
                pause = min(2 * pause, LONGEST_PAUSE)

    def _error(self, error: Any, patience: float) -> CnnscoreError:
        code, where = error.code().name, f"the server at {self._address}"
        said = _said(error)
        reason = said.rpartition("error:")[2].strip()  # of the last address that was tried
        gone = ServerError(
            f"no answer from {where} ({reason}): is it running? `cnnscore serve` starts one"
        )
        known: dict[str, CnnscoreError] = {
            "UNAVAILABLE": gone,
            "CANCELLED": gone,  # by a server that ends, or by us
            "DEADLINE_EXCEEDED": ServerError(
                f"{where} did not answer in {patience:.0f} s: "
                + (
                    f"give it more with `timeout=`, or the environment variable {TIMEOUT}"
                    if patience == self._timeout
                    else "is it stopped?"
                )
            ),
            "RESOURCE_EXHAUSTED": ServerError(
                f"{where} was full for {patience:.0f} s ({said}): wait longer with "
                f"`timeout=`, or the environment variable {TIMEOUT}"
            ),
            "UNIMPLEMENTED": ServerError(
                f"{where} is no scoring server of this protocol ({said}): install the same "
                "cnnscore on both sides"
            ),
            "INVALID_ARGUMENT": BadBatch(said),
            "ABORTED": NotShared(said),
            "INTERNAL": InternalError(f"{where}: {said}"),
        }
        return known.get(code, ServerError(f"{where} refused us ({code}): {said}"))


def _said(error: Any) -> str:
    return (error.details() or "").strip().rstrip(".")[:1000]


def _seconds(text: str | None) -> float:
    try:
        return float(text) if text else SCORE_SECONDS
    except ValueError:
        raise BadInput(f"{TIMEOUT}={text} is no number of seconds") from None
