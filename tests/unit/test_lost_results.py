"""A result that lies in a worker which is gone before it is fetched."""

from __future__ import annotations

from typing import Any

import pytest

from cnnscore.errors import BadInput
from cnnscore.scatter.cluster import DaskRunner


class Bundle:
    """What a future of Dask does: `answers` to being fetched, one after another; at last it has
    ended with `error`."""

    def __init__(self, answers: list[Any], error: Exception | None = None) -> None:
        self._answers, self._error = answers, error

    @property
    def status(self) -> str:
        return "finished" if self._answers else "error"

    def result(self, timeout: float) -> Any:
        assert timeout > 0
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def exception(self) -> Exception | None:
        return self._error


class NoJobIsLeft:
    wanted = 1

    def check(self) -> None:
        raise BadInput("all jobs have ended")


def outcome(bundle: Bundle, jobs: Any = None) -> Any:
    client: Any = None
    return DaskRunner(client, {}, None, jobs)._outcome(bundle)


def test_it_is_waited_for_while_somebody_may_make_it_again() -> None:
    assert outcome(Bundle([TimeoutError(), TimeoutError(), ["scored"]])) == ["scored"]


def test_it_is_not_waited_for_when_nobody_is_left() -> None:
    with pytest.raises(BadInput, match="all jobs have ended"):
        outcome(Bundle([TimeoutError(), ["never"]]), NoJobIsLeft())


def test_what_a_bundle_ended_with() -> None:
    failed = ValueError("no such file")
    assert outcome(Bundle([failed])) is failed
    late = TimeoutError("the server does not answer")
    assert outcome(Bundle([TimeoutError()], late), None) is late
