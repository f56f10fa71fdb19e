"""The work folder: the plan, the shards that are done, and nothing that somebody else put there."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from cnnscore.errors import BadInput, BadOutput
from cnnscore.files import sweep, write_whole, writing
from cnnscore.locks import LOCK, one_run
from cnnscore.scatter.plan import SCHEMA, Plan, complete, differences, is_plan
from cnnscore.scatter.task import digest_of, is_result

PLAN, LOG, SHARDS, LOGS = "plan.json", "shards.jsonl", "shards", "logs"
OURS = (PLAN, LOG, SHARDS, LOGS, LOCK)
TOLD = 3
"""So many differences of two plans are told."""


class WorkFolder:
    """Where one plan is worked on, by one process; made by `opened`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        """By shard, what its worker told when it was whole."""

    def shard(self, name: str, suffix: str) -> Path:
        """The file of a shard."""
        return self.path / SHARDS / f"{name}{suffix}"

    @property
    def logs(self) -> Path:
        """The folder of the workers' logs."""
        return self.path / LOGS

    def note(self, result: dict[str, Any]) -> None:
        """A shard is whole: from now on it counts. Errors: BadOutput.

        It is not forced to the disk: what a power failure takes is scored anew.
        """
        log = self.path / LOG
        line = f"\n{json.dumps(result)}\n"  # behind one that a kill cut short
        with writing(log):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(log, flags, 0o666)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        self.done[result["shard"]] = result

    def check(self, name: str, path: str) -> bool:
        """Whether the file of a shard, at `path`, is that which the log tells of."""
        told = self.done.get(name)
        with suppress(BadInput):
            return told is not None and digest_of(Path(path)) == (told["sha256"], told["bytes"])
        return False


def remove(path: str) -> None:
    """Take away what a plan that is done has in its folder, and the folder if the plan made it and
    nothing else is there. Errors: BadInput, BadOutput where it is no work folder.
    """
    folder = Path(path)
    made = (_read_plan(folder / PLAN) or {}).get("made_folder")
    for name in (SHARDS, LOGS):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (LOG, PLAN, LOCK):
        (folder / name).unlink(missing_ok=True)
    if made:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def opened(path: str, plan: Plan, annotations: Collection[str]) -> Iterator[WorkFolder]:
    """The work folder of a plan, held for this process; it is made, or gone on with. `annotations`
    are those that the network takes.

    Errors: UsageError when another run is at work there, BadInput for the folder of another plan
    and for what somebody else could have put there, BadOutput.
    """
    folder = Path(path)
    check_ours(folder)
    # A queueing system's jobs have logs there before anything else is.
    is_new = not folder.exists() or [path.name for path in folder.iterdir()] == [LOGS]
    with one_run(folder, "score"):
        stored = _read_plan(folder / PLAN)
        wanted = json.loads(json.dumps(plan.to_json()))
        if stored is None:
            there = [
                path.name
                for path in folder.iterdir()
                if path.name not in (LOCK, LOGS) and not path.match(f".{PLAN}.*.part")
            ]
            if there:
                raise BadInput(
                    f"{folder} holds other files ({min(there)}) and no plan: give an empty folder"
                )
            wanted["made_folder"] = is_new
            write_whole(folder / PLAN, json.dumps(wanted, indent=1).encode())
        else:
            before = json.dumps(stored)
            complete(stored, wanted)
            told = list(islice(differences(stored, wanted), TOLD + 1))
            if told:
                more = "; ..." if len(told) > TOLD else ""
                raise BadInput(
                    f"{folder} has another plan ({'; '.join(told[:TOLD])}{more}): give another "
                    "folder, or remove it"
                )
            wanted["made_folder"] = stored.get("made_folder", False)
            if json.loads(before) != wanted:
                write_whole(folder / PLAN, json.dumps(wanted, indent=1).encode())
        for name in (SHARDS, LOGS):
            with writing(folder / name):
                (folder / name).mkdir(exist_ok=True)
        sweep(folder / SHARDS)
        for file in (folder / SHARDS).iterdir():
            _check_ours(file, is_folder=False)
        work = WorkFolder(folder)
        work.done = _read_log(folder, annotations)
        try:
            yield work
        finally:
            sweep(folder / SHARDS)  # of workers that were killed


def check_ours(folder: Path) -> None:
    """Errors: BadInput for a work folder in which somebody else may have put something."""
    with suppress(FileNotFoundError):
        _check_ours(folder, is_folder=True)
        for name in OURS:
            with suppress(FileNotFoundError):
                _check_ours(folder / name, is_folder=name in (SHARDS, LOGS))


def _check_ours(path: Path, *, is_folder: bool) -> None:
    """Errors: BadInput for a link, and for what belongs to somebody else or all may write."""
    found = path.lstat()
    wrong = None
    if stat.S_ISLNK(found.st_mode):
        wrong = "is a symbolic link"
    elif not (stat.S_ISDIR if is_folder else stat.S_ISREG)(found.st_mode):
        wrong = "is no folder" if is_folder else "is no regular file"
    elif found.st_uid != os.geteuid():
        wrong = "belongs to somebody else"
    elif found.st_mode & stat.S_IWOTH:
        wrong = "may be written by everybody"
    if wrong:
        raise BadInput(f"{path} {wrong}: a work folder must be yours alone; give another")


def _read_plan(path: Path) -> dict[str, Any] | None:
    try:
        plan = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadOutput(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        plan = None
    schema = plan.get("schema") if isinstance(plan, dict) else None
    if type(schema) is int and schema != SCHEMA:
        raise BadInput(
            f"{path} is of another release of cnnscore (schema {schema}, where {SCHEMA} is known "
            "here): give another folder"
        )
    if schema is None or not isinstance(plan, dict) or not is_plan(plan):
        raise BadInput(
            f"{path} is no plan of shards that `cnnscore score` made: give another folder"
        )
    return plan


def _read_log(folder: Path, annotations: Collection[str]) -> dict[str, dict[str, Any]]:
    """The shards that are whole; a line that a kill cut short, or is altered, tells of none."""
    done = {}
    with suppress(FileNotFoundError), (folder / LOG).open("rb") as file:
        for line in file:
            with suppress(ValueError):
                told = json.loads(line)
                if is_result(told, annotations):
                    done[told["shard"]] = told
    return done
