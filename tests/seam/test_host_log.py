"""What libcnnscore.so says goes to its host's log."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from seam.library import Library


def test_messages_go_to_the_hosts_log(
    inside: Library, tiny: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    heard = []

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]  # cffi has no types
    def listen(data: Any, level: int, message: Any) -> None:
        heard.append((int(inside.ffi.cast("intptr_t", data)), level, inside.ffi.string(message)))

    data = inside.ffi.cast("void *", 42)
    engine = inside.open(tiny["reads"], log=listen, log_data=data)
    logging.getLogger("cnnscore").warning("a näive word")
    inside.lib.cnnscore_engine_close(engine)
    logging.getLogger("cnnscore").warning("too late")
    assert heard == [(42, 30, "a näive word".encode())]
    assert capfd.readouterr().err == ""


def test_a_message_belongs_to_its_engine(inside: Library, tiny: dict[str, str]) -> None:
    """What is said outside any engine goes to the first that listens."""
    heard: list[int] = []

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]  # cffi has no types
    def listen(data: Any, level: int, message: Any) -> None:
        heard.append(int(inside.ffi.cast("intptr_t", data)))

    first, second = (
        inside.open(tiny["reads"], log=listen, log_data=inside.ffi.cast("void *", number))
        for number in (1, 2)
    )
    silent = inside.open(tiny["reads"])
    heard.clear()
    logging.getLogger("cnnscore").warning("of none")
    assert heard == [1]
    inside.lib.cnnscore_engine_close(first)
    heard.clear()
    logging.getLogger("cnnscore").warning("of none")
    assert heard == [2]
    for engine in (second, silent):
        inside.lib.cnnscore_engine_close(engine)
    heard.clear()
    logging.getLogger("cnnscore").warning("to nobody")
    assert heard == []


def test_close_waits_for_the_hosts_log(inside: Library, tiny: dict[str, str]) -> None:
    entered, go_on, closed = (threading.Event() for _ in range(3))

    @inside.ffi.callback("cnnscore_log_function")  # type: ignore[untyped-decorator]  # cffi has no types
    def listen(data: Any, level: int, message: Any) -> None:
        entered.set()
        assert go_on.wait(300)
        assert not closed.is_set()

    engine = inside.open(tiny["reads"], log=listen)
    go_on.clear()
    entered.clear()
    speaker = threading.Thread(target=logging.getLogger("cnnscore").warning, args=["a word"])
    speaker.start()
    assert entered.wait(300)

    def close() -> None:
        inside.lib.cnnscore_engine_close(engine)
        closed.set()

    closer = threading.Thread(target=close)
    closer.start()
    assert not closed.wait(0.3)
    go_on.set()
    for thread in (speaker, closer):
        thread.join(30)
    assert closed.is_set()
    entered.clear()
    logging.getLogger("cnnscore").warning("too late")
    assert not entered.is_set()
