"""A server and its clients: the same scores, and clear ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cnnscore.remote import RemoteEngine
from conftest import run_cli, run_process
from scoring_server import Server, Windows

KINDS = ["reference", "reads"]


def score_arguments(data: Path, kind: str, output: Path) -> list[object]:
    reads = ["-I", data / "reads.bam"] if kind == "reads" else []
    files = [data / "calls.vcf.gz", "-R", data / "ref.fa", *reads]
    return [*files, "--no-version", "--quiet", "-o", output]


@pytest.mark.parametrize("kind", KINDS)
def test_same_bytes_as_without(
    kind: str, servers: dict[str, Server], tiny: dict[str, str], data: Path, tmp_path: Path
) -> None:
    local, remote = tmp_path / "local.vcf", tmp_path / "remote.vcf"
    assert run_cli("score", *score_arguments(data, kind, local), "-m", tiny[kind]).code == 0
    done = run_process(
        "score", *score_arguments(data, kind, remote), "--server", servers[kind].address
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert remote.read_bytes() == local.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_eight_clients_at_once(
    kind: str, servers: dict[str, Server], windows: dict[str, Windows]
) -> None:
    """Each sends other sites in parts of its own size, and gets what one alone gets."""
    batch, scores = windows[kind].batch, windows[kind].scores

    def client(number: int) -> list[tuple[slice, np.ndarray]]:
        engine = RemoteEngine(servers[kind].address)
        step, got = number + 1, []
        for begin in range(number, len(batch), step):
            part = slice(begin, min(begin + step, len(batch)))
            got.append((part, engine.score(batch.part(part.start, part.stop))))
        engine.close()
        return got

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(client, range(8)):
            for part, got in answers:
                assert got.tobytes() == scores[part].tobytes()
