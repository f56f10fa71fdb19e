"""GATK's Keras files, an .hd5 and a .json for each network, out of a jar or a folder."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cnnscore.errors import BadInput

OLD_JAR = "gatk-4.6.0.0.jar has them (Maven Central: org.broadinstitute:gatk:4.6.0.0)"
MOST_JSON, MOST_HD5 = 1 << 20, 1 << 28
"""Bytes of a .json, and of all .hd5 of a jar together; GATK's have 2 KB and 8 MB at most."""

# What reading a damaged, encrypted or foreign jar raises.
_BROKEN_JAR = (
    *(OSError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError),
    *(RuntimeError, EOFError, ValueError, struct.error),
)


@dataclass(frozen=True)
class KerasPair:
    """The two files of a network, as bytes, and where they came from."""

    stem: str
    file: str
    member: str
    json_bytes: bytes
    hd5_bytes: bytes

    @property
    def label(self) -> str:
        """Names it in messages."""
        return f"{self.file}: {self.member}" if self.member != self.file else self.file


def read_pairs(source: Path) -> list[KerasPair]:
    """The networks of a GATK jar, a folder, a .hd5 or a .json file (its pair beside it).

    Errors: BadInput for what is none of these, damaged, encrypted or unreasonably large.
    """
    if source.is_dir():
        paths = sorted(source.glob("*.hd5"))
        if not paths:
            raise BadInput(f"{source}: no .hd5 file in this folder; {OLD_JAR}")
        return [_read_pair(path) for path in paths]
    if source.suffix in (".hd5", ".json"):
        return [_read_pair(source)]
    return _read_jar(source)


def _read_pair(path: Path) -> KerasPair:
    parts = {}
    for suffix, most in ((".json", MOST_JSON), (".hd5", MOST_HD5)):
        part = path.with_suffix(suffix)
        try:
            with part.open("rb") as file:
                parts[suffix] = _read(file, most, str(part))
        except OSError as error:
            raise BadInput(
                f"{part}: {error.strerror}; put the network's .json and .hd5 side by side, with "
                "one name"
            ) from error
    hd5 = path.with_suffix(".hd5").name
    return KerasPair(path.stem, hd5, hd5, parts[".json"], parts[".hd5"])


def _read(file: IO[bytes], most: int, name: str) -> bytes:
    """Errors: BadInput when there is more than `most` bytes, however few it was packed in."""
    content = file.read(most + 1)
    if len(content) > most:
        raise BadInput(f"{name}: over {most >> 20} MB, as no network of GATK's is; {OLD_JAR}")
    return content


def _read_jar(source: Path) -> list[KerasPair]:
    try:
        with zipfile.ZipFile(source) as jar:
            names = set(jar.namelist())
            members = sorted(name for name in names if name.endswith(".hd5"))
            if not members:
                torch = any(name.endswith(".pt") for name in names)
                why = "only PyTorch ones (GATK 4.6.1.0 and later)" if torch else "none"
                raise BadInput(f"{source}: holds no Keras networks, {why}; {OLD_JAR}")
            pairs, room = [], MOST_HD5

            def read(member: str, most: int) -> bytes:
                with jar.open(member) as file:
                    return _read(file, most, f"{source}: {member}")

            for member in members:
                sidecar = member.removesuffix(".hd5") + ".json"
                if sidecar not in names:
                    raise BadInput(f"{source}: {member} has no {sidecar} beside it; {OLD_JAR}")
                stem = Path(member).stem
                json_bytes, hd5_bytes = read(sidecar, MOST_JSON), read(member, room)
                room -= len(hd5_bytes)
                pairs.append(KerasPair(stem, source.name, member, json_bytes, hd5_bytes))
            return pairs
    except _BROKEN_JAR as error:
        raise BadInput(
            f"{source}: can't be read as a jar ({error}); give a GATK jar, a folder, a .hd5 or a "
            ".json file"
        ) from error
