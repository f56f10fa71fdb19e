"""A program in Python that uses libcnnscore.so by ctypes alone.

    python ctypes_host.py LIBRARY MODEL BATCH SCORES

Threads open, score and close engines of their own; each has a log function, and words are logged
all the while. BATCH is what host.c reads.
"""

from __future__ import annotations

import ctypes
import logging
import struct
import sys
import threading
from pathlib import Path

THREADS, ROUNDS = 6, 4

Log = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)


class Options(ctypes.Structure):
    """cnnscore_engine_options."""

    _fields_ = (
        ("struct_size", ctypes.c_uint32),
        ("abi_version", ctypes.c_uint32),
        ("model", ctypes.c_char_p),
        ("provider", ctypes.c_char_p),
        ("threads", ctypes.c_int32),
        ("batch_size", ctypes.c_int32),
        ("log", Log),
        ("log_data", ctypes.c_void_p),
        ("annotations", ctypes.c_char_p),
        ("precision", ctypes.c_char_p),
    )


class Batch(ctypes.Structure):
    """cnnscore_window_batch."""

    _fields_ = (
        ("struct_size", ctypes.c_uint32),
        *((name, ctypes.c_int32) for name in ("n_sites", "n_annotations", "left", "width")),
        *((f"column{i}", ctypes.c_void_p) for i in range(12)),
        ("n_contigs", ctypes.c_int32),
        *((f"column{i}", ctypes.c_void_p) for i in range(12, 18)),
    )


def read_batch(path: Path) -> tuple[Batch, list[ctypes.Array[ctypes.c_char]]]:
    """The batch, and the memory of its columns."""
    data = path.read_bytes()
    n_sites, n_annotations, left, width, n_contigs = struct.unpack_from("5i", data)
    batch = Batch(ctypes.sizeof(Batch), n_sites, n_annotations, left, width, n_contigs=n_contigs)
    at, columns = 20, []
    for i in range(15):
        (size,) = struct.unpack_from("q", data, at)
        columns.append(ctypes.create_string_buffer(data[at + 8 : at + 8 + size], size + 1))
        setattr(batch, f"column{i}", ctypes.addressof(columns[-1]))
        at += 8 + size
    return batch, columns


def main(path: str, model: str, batch_path: Path, scores_path: Path) -> None:
    """Score the batch in all threads, many times; write the scores, which are always the same."""
    library, (batch, columns) = ctypes.CDLL(path), read_batch(batch_path)
    library.cnnscore_engine_close.argtypes = [ctypes.c_void_p]
    library.cnnscore_engine_score.argtypes = [ctypes.c_void_p] * 4
    found: set[bytes] = set()
    heard: list[str] = []
    over = threading.Event()
    failed: list[BaseException] = []
    logging.getLogger("cnnscore").addHandler(logging.NullHandler())

    def use() -> None:
        is_open = True

        def listen(data: object, level: int, message: bytes) -> None:
            assert is_open
            heard.append(f"{level} {message.decode()}")

        log, engine = Log(listen), ctypes.c_void_p()
        error = ctypes.create_string_buffer(4096)
        name = ctypes.create_string_buffer(model.encode())
        options = Options(
            ctypes.sizeof(Options), 1, ctypes.addressof(name), b"cpu", 2, 0, log, None, None
        )
        opened = library.cnnscore_engine_open(ctypes.byref(options), ctypes.byref(engine), error)
        assert opened == 0, error.raw
        ctypes.memset(name, 0x78, len(name) - 1)
        scores = (ctypes.c_float * batch.n_sites)()
        code = library.cnnscore_engine_score(
            engine, ctypes.addressof(batch), ctypes.addressof(scores), ctypes.addressof(error)
        )
        assert code == 0, error.raw
        found.add(bytes(scores))
        library.cnnscore_engine_close(engine)
        is_open = False

    def use_often() -> None:
        try:
            for _ in range(ROUNDS):
                use()
        except BaseException as error:
            failed.append(error)

    def speak() -> None:
        while not over.wait(0.001):
            logging.getLogger("cnnscore").warning("a word")

    threads = [threading.Thread(target=use_often) for _ in range(THREADS)]
    speaker = threading.Thread(target=speak)
    for thread in (speaker, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    speaker.join()
    if failed:
        raise failed[0]
    assert set(heard) == {"30 a word"}, set(heard)
    assert len(found) == 1
    assert len(columns) == 15
    scores_path.write_bytes(found.pop())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
