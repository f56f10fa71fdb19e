"""A TCP server with TLS and a token."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosts.server import Server, start_server

TOKEN = "0123456789abcdef0123"


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate for 127.0.0.1, its key, a token and a wrong one."""
    folder = tmp_path_factory.mktemp("tls")
    files = {name: folder / name for name in ("cert", "key", "token", "wrong", "short")}
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        f"-keyout {files['key']} -out {files['cert']} "
        "-subj /CN=cnnscore -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    files["token"].write_text(f"{TOKEN}\n")
    files["wrong"].write_text(TOKEN[::-1])
    files["short"].write_text("secret")
    return files


def secure(tls: dict[str, Path]) -> list[object]:
    """Options of a server with these."""
    return [
        *("--tls-cert", tls["cert"], "--tls-key", tls["key"], "--token-file", tls["token"]),
        *("--log-level", "info"),
    ]


@pytest.fixture(scope="session")
def guarded(
    tls: dict[str, Path], tiny: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A TCP server with TLS and a token."""
    folder = tmp_path_factory.mktemp("guarded")
    server = start_server(folder, *secure(tls), model=tiny["reference"], listen="tcp:127.0.0.1:0")
    yield server
    assert server.stop() == 0
    assert all(line.startswith("cnnscore: ") for line in server.said().splitlines())
