"""The state of a training run on disk, from which it goes on to the same end."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from cnnscore.errors import BadInput, BadOutput
from cnnscore.files import aside

State = dict[str, Any]
WHAT_A_RUN_IS_OF = {
    "version": "another version of cnnscore",
    "configuration": "another configuration",
    "data": "other data sets, or the same in another order",
    "left_out": "other `leave_out=`",
    "init": "another `init=`",
    "teachers": "other `teachers=`",
    "rehearsal": "other `rehearsal=`",
}
"""What a network is made from, as a checkpoint keeps it -> what is said when it is not the same."""


def save(path: Path, state: State) -> None:
    """Write a state aside and give it its name. Errors: BadOutput."""
    with aside(path) as part:
        try:
            torch.save(state, part)
        except (OSError, RuntimeError) as error:  # a full disk is a RuntimeError of PyTorch's
            raise BadOutput(f"cannot write {path}: {error}") from None


def load(path: Path, made_of: State) -> State:
    """Errors: BadInput when there is none, one that is not whole, or one of a run that was not
    made of the same: its network would be of both, and the card would name one."""
    try:
        state = dict(torch.load(path, weights_only=True))
        _check_same_run(path, state["made_of"], made_of)
        return state
    except FileNotFoundError:
        raise BadInput(f"no checkpoint at {path} to resume from: train without `resume=`") from None
    except (
        *(OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError),
        pickle.UnpicklingError,
    ) as error:
        raise not_whole(path, error) from None


def not_whole(path: Path, error: Exception) -> BadInput:
    """The error of a checkpoint that lacks something."""
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    return BadInput(f"{path} is not a whole checkpoint ({why}): train without `resume=`")


def _check_same_run(path: Path, before: State, now: State) -> None:
    different = [text for key, text in WHAT_A_RUN_IS_OF.items() if before.get(key) != now.get(key)]
    if different:
        raise BadInput(
            f"{path} is of {' and '.join(different)}: give what it was started with, or train "
            "without `resume=`"
        )
