"""What clients may take of a server, with an engine that works when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import pytest

from cnnscore.batch import WindowBatch
from cnnscore.errors import ServerError
from cnnscore.wire.client import RemoteEngine
from cnnscore.wire.messages import SCORE, decode_scores, encode_batch
from hosts.server import HeldEngine, HereServer, StartHere, Windows
from hosts.waiting import wait_until


class Sender:
    """Sends messages when it is told to, and knows how many were asked for."""

    def __init__(self, messages: list[bytes]) -> None:
        self.taken, self._messages = 0, messages
        self._more = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        for message in self._messages:
            self.taken += 1
            yield message
        self._more.wait(60)

    def end(self) -> None:
        """Half-close the stream."""
        self._more.set()


@contextmanager
def stream(server: HereServer, messages: list[bytes]) -> Iterator[tuple[Any, Sender]]:
    """An open stream that has sent `messages`."""
    # Answers that nobody reads soon fill what the client takes ahead.
    small = [("grpc.http2.lookahead_bytes", 1), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(server.address, small) as channel:
        sender = Sender(messages)
        score: Any = channel.stream_stream(SCORE)
        call = score(iter(sender), timeout=300)
        try:
            yield call, sender
        finally:
            sender.end()
            call.cancel()


def messages_of(case: Windows, count: int, size: int = 2) -> list[bytes]:
    return [
        encode_batch(case.batch, i * size, (i + 1) * size, id=i, network=case.network)
        for i in range(count)
    ]


def test_a_stream_has_few_batches_in_work(windows: dict[str, Windows], here: StartHere) -> None:
    """The client may send on; the server reads on when it has answered."""
    case = windows["reads"]
    engine = HeldEngine(case.model)
    server = here(engine, max_in_flight=3)
    messages = messages_of(case, 10)
    with stream(server, messages) as (call, sender):
        wait_until(lambda: server.held() >= sum(map(len, messages[:3])))
        RemoteEngine(server.address).close()  # another client is answered: a turn to read on
        assert server.held() == sum(map(len, messages[:3]))
        engine.go.set()
        sender.end()
        answers = [decode_scores(a, id=i, n_sites=2) for i, a in enumerate(call)]
        assert np.concatenate(answers).tobytes() == case.scores[:20].tobytes()
        assert server.held() == 0
    assert server.service.most_held <= sum(sorted(map(len, messages))[-3:])


def test_a_full_queue_makes_clients_wait(windows: dict[str, Windows], here: StartHere) -> None:
    """Eight clients, a queue of two batches: all are served in the end, one by one."""
    case = windows["reads"]
    engine = HeldEngine(case.model)
    size = max(len(message) for message in messages_of(case, 8))
    server = here(engine, queue_bytes=2 * size)

    def client(_: int) -> bool:
        with stream(server, messages_of(case, 4)) as (call, sender):
            sender.end()
            answers = [decode_scores(a, id=i, n_sites=2) for i, a in enumerate(call)]
        return np.concatenate(answers).tobytes() == case.scores[:8].tobytes()

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        wait_until(lambda: server.held() >= 2 * size - 2000)
        engine.go.set()
        assert all(result.result(300) for result in clients)
    assert server.held() == 0
    # Above the limit by what streams were reading when it was reached: never by all they have.
    assert server.service.most_held <= (2 + 8) * size


def test_one_client_leaves_room_for_the_next(windows: dict[str, Windows], here: StartHere) -> None:
    """Whose batches fill the queue while nothing is scored; another's is taken all the same."""
    case = windows["reads"]
    engine = HeldEngine(case.model)
    messages = messages_of(case, 10)
    server = here(engine, queue_bytes=sum(map(len, messages[:8])), max_in_flight=8)
    with stream(server, messages) as (_, hog):
        # Its share is half of what there is.
        wait_until(lambda: server.held() > sum(map(len, messages[:8])) / 2)
        RemoteEngine(server.address).close()  # another client is answered: a turn to read on
        before = server.held()
        assert before <= sum(map(len, messages[:6]))
        with stream(server, messages[:1]) as (call, other):
            wait_until(lambda: server.held() == before + len(messages[0]))
            engine.go.set()
            other.end()
            assert len(list(call)) == 1
        hog.end()


def test_the_streams_of_one_client_share_its_turns(
    windows: dict[str, Windows], here: StartHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = windows["reads"]
    engine = HeldEngine(case.model)
    engine.go.set()
    server = here(engine)
    names: list[Hashable] = []
    submit = server.batcher.submit

    def spy(batch: WindowBatch, client: Hashable = None) -> Future[Any]:
        names.append(client)
        return submit(batch, client)

    monkeypatch.setattr(server.batcher, "submit", spy)
    remotes = [RemoteEngine(server.address) for _ in range(2)]
    for remote in remotes * 3:
        remote.score(case.batch)
    for _ in range(2):  # a client that names none: each stream is one
        with stream(server, messages_of(case, 1)) as (call, sender):
            sender.end()
            assert len(list(call)) == 1
    for remote in remotes:
        remote.close()
    assert len(names) == 8
    assert len(set(names)) == 4


def test_a_full_server_makes_clients_wait(
    windows: dict[str, Windows], here: StartHere, caplog: pytest.LogCaptureFixture
) -> None:
    case = windows["reads"]
    engine = HeldEngine(case.model)
    engine.go.set()
    server = here(engine, max_streams=1)
    remote = RemoteEngine(server.address)
    with ThreadPoolExecutor(1) as pool:
        with stream(server, messages_of(case, 1)) as (call, sender):
            next(call)
            scores = pool.submit(remote.score, case.batch)
            wait_until(lambda: "waiting for the server at" in caplog.text)
            assert "`cnnscore serve` with more of them" in caplog.text
            assert not scores.done()
            sender.end()
        assert scores.result(300).tobytes() == case.scores.tobytes()
    remote.close()
    assert caplog.text.count("waiting for the server") == 1


def test_a_server_that_stays_full(
    windows: dict[str, Windows], here: StartHere, caplog: pytest.LogCaptureFixture
) -> None:
    case = windows["reads"]
    engine = HeldEngine(case.model)
    server = here(engine, max_streams=1)
    remotes = [RemoteEngine(server.address, timeout=seconds) for seconds in (0.3, 600)]
    with stream(server, messages_of(case, 1)):
        assert engine.entered.wait(300)
        with pytest.raises(ServerError, match=r"was full.*with more of them.*`timeout=`"):
            remotes[0].score(case.batch)
        caplog.clear()
        with ThreadPoolExecutor(1) as pool:  # and Ctrl-C ends the wait
            scores = pool.submit(remotes[1].score, case.batch)
            wait_until(lambda: "waiting for the server at" in caplog.text)
            remotes[1].cancel()
            with pytest.raises(ServerError):
                scores.result(300)
    for remote in remotes:
        remote.close()


def test_a_deadline_ends_the_wait(windows: dict[str, Windows], here: StartHere) -> None:
    case = windows["reads"]
    engine = HeldEngine(case.model)
    server = here(engine)
    impatient = RemoteEngine(server.address, timeout=3)
    with pytest.raises(ServerError, match=r"did not answer.*`timeout=`"):
        impatient.score(case.batch)
    impatient.close()
    wait_until(lambda: server.service.streams == 0)
    engine.go.set()
    patient = RemoteEngine(server.address)
    assert patient.score(case.batch).tobytes() == case.scores.tobytes()
    patient.close()


def test_giving_up(windows: dict[str, Windows], here: StartHere) -> None:
    """As Ctrl-C does: nobody waits for a server that does not answer."""
    case = windows["reads"]
    engine = HeldEngine(case.model)
    remote = RemoteEngine(here(engine).address)
    with ThreadPoolExecutor(1) as pool:
        scores = pool.submit(remote.score, case.batch)
        assert engine.entered.wait(300)
        remote.cancel()
        with pytest.raises(ServerError, match="no answer"):
            scores.result(300)
    remote.close()


def test_giving_up_before_a_call_is_known(
    windows: dict[str, Windows], here: StartHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may have a batch before the client's thread goes on."""
    case = windows["reads"]
    engine = HeldEngine(case.model)
    remote = RemoteEngine(here(engine).address)
    asked = remote._score

    class GivenUp:
        """Calls that are given up as soon as they are sent."""

        def future(self, *words: Any, **named: Any) -> Any:
            call = asked.future(*words, **named)
            remote.cancel()
            return call

    monkeypatch.setattr(remote, "_score", GivenUp())
    with pytest.raises(ServerError, match="no answer"):
        remote.score(case.batch)
    remote.close()
    engine.go.set()


def test_stopping_answers_what_was_taken(windows: dict[str, Windows], here: StartHere) -> None:
    case = windows["reads"]
    engine = HeldEngine(case.model)
    server = here(engine, max_in_flight=3)
    messages = messages_of(case, 8)
    with stream(server, messages) as (call, _):
        wait_until(lambda: server.held() == sum(map(len, messages[:3])))
        server.stop_reading()
        engine.go.set()
        answers = [decode_scores(next(call), id=i, n_sites=2) for i in range(3)]
        with pytest.raises(grpc.RpcError) as error:
            next(call)
    assert np.concatenate(answers).tobytes() == case.scores[:6].tobytes()
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "stopping" in str(error.value.details())


def test_a_client_that_reads_nothing(windows: dict[str, Windows], here: StartHere) -> None:
    """Its answers fill what the connection takes, then it is not read from; nobody else notices."""
    case = windows["reference"]
    engine = HeldEngine(case.model)
    engine.go.set()
    server = here(engine)
    message = encode_batch(case.batch, 0, 200, id=0, network=case.network)
    with stream(server, [message] * 1000) as (_, sender):
        remote = RemoteEngine(server.address)

        def stands_still() -> bool:
            """Others are served, and meanwhile nothing of it is taken."""
            taken = sender.taken
            for _ in range(5):
                assert remote.score(case.batch).tobytes() == case.scores.tobytes()
            return taken == sender.taken

        wait_until(lambda: sender.taken > 50)
        wait_until(stands_still)
        assert sender.taken < 1000
        assert server.held() == 0
        remote.close()
    wait_until(lambda: server.service.streams == 0)
