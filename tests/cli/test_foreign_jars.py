"""`cnnscore model import` of jars and Keras files that are damaged, locked, foreign or bombs."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import Finished, run_cli, run_process

JSON, HD5 = "models/mine.json", "models/mine.hd5"
MB = 1 << 20


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    monkeypatch.setenv("CNNSCORE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def parts(tiny: dict[str, str]) -> dict[str, bytes]:
    """The two files of a network."""
    source = Path(tiny["reference"])
    return {
        JSON: source.with_suffix(".json").read_bytes(),
        HD5: source.with_suffix(".hd5").read_bytes(),
    }


def write_jar(path: Path, parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as jar:
        for name, content in parts.items():
            jar.writestr(name, content)
    return path


def refused(source: Path, home: Path, *words: object) -> Finished:
    """One line, exit 2, nothing installed."""
    done = run_cli("model", "import", source)
    assert (done.code, done.out) == (2, ""), done.err
    assert done.err.count("\n") == 1, done.err
    assert "Traceback" not in done.err
    for word in (source, *words):
        assert str(word) in done.err
    assert not home.exists() or list(home.iterdir()) == []
    return done


def test_a_sound_jar(parts: dict[str, bytes], home: Path, tmp_path: Path) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert run_cli("model", "import", write_jar(tmp_path / "a.jar", parts, method)).code == 0
    installed = sorted(str(path.relative_to(home)) for path in home.rglob("*.onnx"))
    assert installed == ["direct/mine.onnx", "mine.onnx"]


def patched(path: Path, change: Callable[[bytearray, int, int], None]) -> Path:
    """`change(data, local, central)` for the headers of each member."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as jar:
        locals_ = [info.header_offset for info in jar.infolist()]
    central = data.index(b"PK\1\2")
    for local in locals_:
        change(data, local, central)
        central = data.find(b"PK\1\2", central + 4)
    path.write_bytes(data)
    return path


def encrypted(data: bytearray, local: int, central: int) -> None:
    data[local + 6] |= 1
    data[central + 8] |= 1


def unknown_method(data: bytearray, local: int, central: int) -> None:
    struct.pack_into("<H", data, local + 8, 97)
    struct.pack_into("<H", data, central + 10, 97)


def strongly_encrypted(data: bytearray, local: int, central: int) -> None:
    data[local + 6] |= 0x41
    data[central + 8] |= 0x41


def damaged(data: bytearray, local: int, central: int) -> None:
    data[local + 60] ^= 0xFF


@pytest.mark.parametrize("change", [encrypted, strongly_encrypted, unknown_method, damaged])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_jars_that_cannot_be_read(
    change: Callable[[bytearray, int, int], None],
    method: int,
    parts: dict[str, bytes],
    home: Path,
    tmp_path: Path,
) -> None:
    jar = write_jar(tmp_path / "a.jar", parts, method)
    refused(patched(jar, change), home, "can't be read as a jar", "give a GATK jar")


@pytest.mark.parametrize("keep", [0, 3, 100, 5000, -30, -1])
def test_jars_cut_short(keep: int, parts: dict[str, bytes], home: Path, tmp_path: Path) -> None:
    jar = write_jar(tmp_path / "a.jar", parts)
    jar.write_bytes(jar.read_bytes()[:keep])
    refused(jar, home, "can't be read as a jar")


@pytest.mark.parametrize("member", [JSON, HD5])
def test_bombs(member: str, parts: dict[str, bytes], home: Path, tmp_path: Path) -> None:
    """A gigabyte in a few megabytes is not unpacked: there is no memory for it."""
    jar = tmp_path / "a.jar"
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            if name != member:
                archive.writestr(name, content)
        with archive.open(member, "w") as file:
            for _ in range(1500):
                file.write(bytes(MB))
    assert jar.stat().st_size < 10 * MB

    done = run_process("model", "import", jar, limit=f"-v {1400 * MB // 1024}")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert f"{jar}: {member}: over " in done.stderr.decode()
    assert not home.exists()


def test_files_without_end(parts: dict[str, bytes], home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").symlink_to("/dev/zero")
    (tmp_path / "mine.hd5").write_bytes(parts[HD5])
    refused(tmp_path / "mine.json", home, "over 1 MB")


def test_a_bomb_of_weights(parts: dict[str, bytes], home: Path, tmp_path: Path) -> None:
    """10 GB of zeros, which HDF5 stores as nothing."""
    path = tmp_path / "mine.hd5"
    path.write_bytes(parts[HD5])
    path.with_suffix(".json").write_bytes(parts[JSON])
    with h5py.File(path, "a") as file:
        group = file["model_weights/conv"]
        del group["conv/kernel:0"]
        group.create_dataset("conv/kernel:0", (7, 4, 100_000_000), np.float32, compression="gzip")
    done = run_cli("model", "import", path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "mine.hd5: conv/kernel:0 has 2,800,000,000 numbers" in done.err
    assert not home.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("[" * 100_000 + "]" * 100_000, "is not JSON"),
        ({"input_annotations": ["M Q", *"abcdef"]}, "no INFO key"),
        ({"input_annotations": ["\ud800", *"abcdef"]}, "manifest"),
        ({"input_annotations": [1, {}, *"abcde"]}, "must list strings"),
        ({"window_size": 10**9}, "which its .json doesn't describe"),
        ({"window_size": -5}, ""),
        ({"window_size": True}, ""),
        ({"output_labels": {"NOT_SNP": 0, "NOT_INDEL": 1, "SNP": 2, "INDEL": []}}, ""),
        ({"output_labels": {"NOT_SNP": 0, "NOT_INDEL": 1, "SNP": 2, "INDEL": "\ud800"}}, ""),
    ],
)
def test_descriptions_that_lie(
    change: object, words: str, parts: dict[str, bytes], home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.hd5"
    path.write_bytes(parts[HD5])
    text = change if isinstance(change, str) else json.dumps(json.loads(parts[JSON]) | change)
    path.with_suffix(".json").write_text(text)
    done = run_cli("model", "import", path)
    assert done.code == 2, done.err
    assert done.err.count("\n") == 1
    assert words in done.err
    assert not home.exists()


@pytest.mark.parametrize("name", ["two\nlines", 'a"b', "\x07"])
def test_names_that_no_network_can_have(
    name: str, parts: dict[str, bytes], home: Path, tmp_path: Path
) -> None:
    jar = write_jar(tmp_path / "a.jar", {f"{name}.json": parts[JSON], f"{name}.hd5": parts[HD5]})
    done = run_cli("model", "import", jar)
    assert done.code == 2, done.err
    assert not home.exists()
    assert done.err.count("\n") == 1
