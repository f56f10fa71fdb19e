"""Files and folders that appear under their name only when they are whole.

Until then they stand aside, beside their name, as `.NAME.PID.part`; a run that starts removes what
one that is gone left there. plugin/bcftools/output.c follows the same rules.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnscore.errors import BadInput, BadOutput, UsageError

MOST_LINKS = 40
"""As many symbolic links Linux follows; more are a circle."""
_ROOM_FOR_PID = len(f"..{2**22}.part")
"""Bytes that the name of a file aside is longer than the file's; Linux has no greater PID."""

_unfinished: dict[Path, int] = {}
"""What goes with this process, and the process that put it there (not its forks)."""


def check_folder(path: str) -> None:
    """Errors: BadOutput when nothing can be written beside `path`: said before the work is done."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise BadOutput(f"cannot write {path}: there is no folder {folder}: make it first")
    if not os.access(folder, os.W_OK):
        raise BadOutput(f"cannot write {path}: the folder {folder} is not yours to write in")


def absolute_name(name: str, folder: str | None = None) -> str:
    """The name from any folder, of an input with or without its index (htslib's `##idx##`); a URL
    is one. A relative one is of `folder`, or else of where the command runs.
    """
    parts = name.split("##idx##")
    base = Path(folder or ".").absolute()
    return "##idx##".join(part if "://" in part else str(base / part) for part in parts)


def table_lines(path: str, name: str) -> list[str]:
    """The lines of a table that people write, which messages call `name`: a byte order mark is
    passed over, and a line ends at its line feed alone. Errors: BadInput.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise BadInput(f"cannot read {name}: {error.strerror}") from None
    except ValueError:
        raise BadInput(f"{name} is no text in UTF-8") from None


def file_name(text: str) -> str:
    """`text` as part of a file's name: letters, digits, `.`, `_` and `-`."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in text)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Errors: BadOutput that names `path`, in place of an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise BadOutput(f"cannot write {path}: {error.strerror}") from None


@contextmanager
def aside(path: str | Path, *, is_swept: bool = False) -> Iterator[Path]:
    """Where to write the file `path`: it takes its name when the block ends, and nothing remains
    when the block is left by an exception.

    As when a file is opened to be written: symbolic links are followed, and a file that is replaced
    hands down its mode and, where that is allowed, its owner. What is no regular file (a pipe,
    /dev/stdout) is written as it is. `is_swept`: of a folder that `sweep` was called for, which is
    not looked through again. Errors: BadOutput when the file cannot be made or cannot take
    its name; those of the block are the block's (`writing`).
    """
    with writing(path):
        place = _Place.of(Path(path))
        part = place and place.begin(is_swept=is_swept)
    if not place or not part:
        yield Path(path)
        return
    try:
        yield part
        with writing(path):
            place.fill(part)
    finally:
        _remove(part)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Several files appear together: signals that Python handles wait until the block ends."""
    import signal  # which takes Ctrl-C for Python: not in a host of the library

    handlers: dict[int, Any] = {}
    came: list[int] = []
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in handlers:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)


@contextmanager
def aside_folder(path: str | Path, *, mark: str = "", own: str = "") -> Iterator[Path]:
    """An empty folder, whose files appear in the folder `path` when the block ends, replacing those
    of the same name, or of one that the pattern `own` matches; nothing appears when the block is
    left by an exception.

    What is replaced goes before the first new file comes, so at no moment do files of two runs lie
    side by side. The file `mark` goes first and comes last: where it is, all are there. Errors:
    BadOutput when the folder cannot be made, or its files cannot be moved; those of the block are
    the block's (`writing`).
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_dir():
        raise BadOutput(f"{path} is a file, where a folder is wanted")
    with writing(path):
        _remove_left(target.parent, _pattern(target))
        part = _part_of(target)
        part.mkdir(parents=True)
    try:
        yield part
        with writing(path):
            if not target.exists():
                part.rename(target)
                return
            files = sorted(part.iterdir(), key=lambda file: (file.name == mark, file.name))
            names = [target / file.name for file in files]
            places = [_Place.of(name) or _Place(name) for name in names]
            others = [path for path in _owned(target, own) if path not in names]
            with undisturbed():
                for old in (*(place.target for place in reversed(places)), *others):
                    old.unlink(missing_ok=True)
                for file, place in zip(files, places, strict=True):
                    place.fill(file)
    finally:
        _remove(part)


@contextmanager
def results_folder(path: str, *, mark: str, own: str, overwrite: bool) -> Iterator[Path]:
    """`aside_folder` of a run whose files have the names that the pattern `own` matches, `mark`
    always among them. With `overwrite` they replace those of an earlier run, of which none is left;
    other files in the folder stay.

    Errors: UsageError when the folder has files and `overwrite` is not given, or has files of these
    names without the mark, which are somebody else's; BadOutput as of `aside_folder`.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        with writing(path):
            if not overwrite and any(target.iterdir()):
                raise UsageError(
                    f"the folder {path} has files already: give another one, or `overwrite=` to "
                    "replace the results in it"
                )
            others = [] if (target / mark).exists() else _owned(target, own)
            if others and not any(_found(target.parent, _pattern(target))):
                raise UsageError(
                    f"{Path(path, others[-1].name)} is of something else, as {path} has no {mark}: "
                    "give another folder"
                )
            for remains in others:  # of a run that was killed when its files came
                remains.unlink()
    with aside_folder(path, mark=mark, own=own) as folder:
        yield folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder in $TMPDIR for what is wanted until the block ends. Errors: BadOutput."""
    import tempfile  # with all of `random`, and each command imports this module

    folder = Path(tempfile.gettempdir())
    _remove_left(folder, r"\.cnnscore\.([0-9]{1,10})\.\w+\.part")
    with writing(folder):
        part = Path(tempfile.mkdtemp(".part", f".cnnscore.{os.getpid()}.", folder))
    _unfinished[part] = os.getpid()
    try:
        yield part
    finally:
        _remove(part)


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Whatever the block makes at `path`: it goes with the block, or with the process."""
    _unfinished[path] = os.getpid()
    try:
        yield path
    finally:
        _remove(path)


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file aside; it takes its name when it is whole. Errors: BadOutput."""
    with aside(path) as part, writing(path):
        part.write_bytes(content)


def is_file(path: str | Path) -> bool:
    """Whether `path` would be written aside: there is nothing yet, or a regular file."""
    with writing(path):
        return _Place.of(Path(path)) is not None


def remove_left(path: str | Path) -> None:
    """Remove what runs that are gone left aside of the file `path`."""
    with suppress(OSError):
        place = _Place.of(Path(path))
        if place:
            _remove_left(place.target.parent, _pattern(place.target))


def sweep(folder: Path) -> None:
    """Remove what runs that are gone left aside of any file of a folder, which is a run's own."""
    _remove_left(folder, r"\..*\.([0-9]{1,10})\.part")


@atexit.register
def remove_unfinished() -> None:
    """Remove what this process has aside: for an end that leaves the blocks above halfway."""
    for part in list(_unfinished):
        _remove(part)


@dataclass(frozen=True)
class _Place:
    """Where a file is to appear, and what stands there."""

    target: Path
    replaced: os.stat_result | None = None

    @classmethod
    def of(cls, path: Path) -> _Place | None:
        """The end of symbolic links; None for what is no regular file, or an open one of /proc."""
        for _ in range(MOST_LINKS):
            if not path.is_symlink():
                break
            if os.path.realpath(path.parent).startswith("/proc/"):
                return None
            path = path.parent / path.readlink()
        else:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        try:
            found = path.stat()
        except FileNotFoundError:
            return cls(path)
        if stat.S_ISDIR(found.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        return cls(path, found) if stat.S_ISREG(found.st_mode) else None

    def begin(self, *, is_swept: bool) -> Path:
        """The file aside, empty, and readable for nobody that the replaced one is not for; what
        runs that are gone left there goes, unless that is done.
        """
        if self.replaced and not os.access(self.target, os.W_OK, effective_ids=True):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not is_swept:
            _remove_left(self.target.parent, _pattern(self.target))
        part = _part_of(self.target)
        mode = stat.S_IMODE(self.replaced.st_mode) | stat.S_IWUSR if self.replaced else 0o666
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
        return part

    def fill(self, part: Path) -> None:
        """Give the file its name, at this moment's time: an index that comes later is no older."""
        if self.replaced:
            for owner in ((self.replaced.st_uid, -1), (-1, self.replaced.st_gid)):
                with suppress(PermissionError):
                    os.chown(part, *owner)
            part.chmod(stat.S_IMODE(self.replaced.st_mode))
        os.utime(part)
        part.replace(self.target)


def _part_of(target: Path) -> Path:
    """The name aside of `target`, which goes with this process."""
    part = target.with_name(f".{_stem(target)}.{os.getpid()}.part")
    _unfinished[part] = os.getpid()
    return part


def _owned(folder: Path, own: str) -> list[Path]:
    """Files there whose names match: an index before what it is of."""
    found = [path for path in folder.iterdir() if re.fullmatch(own, path.name)]
    return sorted((path for path in found if path.is_file() or path.is_symlink()), reverse=True)


def _pattern(target: Path) -> str:
    return rf"\.{re.escape(_stem(target))}\.([0-9]{{1,10}})\.part"


def _stem(target: Path) -> str:
    """The name of `target`; its beginning and its FNV-1a hash where the file system has no room."""
    name = os.fsencode(target.name)
    try:
        room = os.pathconf(target.parent, "PC_NAME_MAX") - _ROOM_FOR_PID
    except OSError:
        room = 255 - _ROOM_FOR_PID
    if len(name) <= room or len(name) > room + _ROOM_FOR_PID:  # no file has a longer name
        return target.name
    value = 0xCBF29CE484222325
    for byte in name:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    cut = room - len(f"~{value:016x}")
    while name[cut] & 0xC0 == 0x80:  # within a character of UTF-8
        cut -= 1
    return f"{os.fsdecode(name[:cut])}~{value:016x}"


def _remove_left(folder: Path, pattern: str) -> None:
    """Remove what matches, ours, of processes (the pattern's group) that are gone."""
    for path in _found(folder, pattern):
        with suppress(OSError):
            if path.lstat().st_uid == os.geteuid():
                _remove(path)


def _found(folder: Path, pattern: str) -> Iterable[Path]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - the folder may hold a cohort
    except OSError:
        return
    for name in names:
        match = re.fullmatch(pattern, name)
        path = folder / name
        if match and path not in _unfinished and _is_gone(int(match[1])):
            yield path


def _is_gone(pid: int) -> bool:
    if pid == os.getpid():  # not ours: of a run in another container, that had this PID
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _remove(part: Path) -> None:
    if _unfinished.get(part, os.getpid()) != os.getpid():
        return
    with suppress(OSError):
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink()
    _unfinished.pop(part, None)
