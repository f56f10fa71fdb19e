"""Who may come in, and where a server may listen."""

from __future__ import annotations

import pickle
import signal
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import cnnscore
from cnnscore.errors import BadInput, ServerError, UsageError
from cnnscore.wire.address import parse_address
from cnnscore.wire.client import RemoteEngine
from conftest import Finished, run_cli, run_process, scores_of
from hosts.server import Server, StartServer, Windows


def test_tls_and_token(
    guarded: Server, tls: dict[str, Path], windows: dict[str, Windows], data: Path, tmp_path: Path
) -> None:
    case = windows["reference"]
    assert guarded.address.startswith("tcp:127.0.0.1:")
    remote = RemoteEngine(guarded.address, token_file=str(tls["token"]), tls_ca=str(tls["cert"]))
    assert remote.score(case.batch).tobytes() == case.scores.tobytes()
    remote.close()
    output = tmp_path / "out.vcf"
    done = run_cli(
        *("score", data / "calls.vcf.gz", "-R", data / "ref.fa", "-o", output, "--quiet"),
        *("--server", guarded.address, "--token-file", tls["token"], "--tls-ca", tls["cert"]),
    )
    assert done == Finished(0, "")
    assert output.exists()
    access = {"token_file": tls["token"], "tls_ca": str(tls["cert"]), "timeout": 60}
    scorer = cnnscore.open(guarded.address, **access)  # type: ignore[arg-type] # as named
    with scorer, pickle.loads(pickle.dumps(scorer)) as copy:
        table = copy.table(data / "calls.vcf.gz", reference=data / "ref.fa")
        key = copy.engine.description.info_key
    assert [f"{float(f'{score:.3f}'):g}" for score in table["score"]] == scores_of(output, key)


@pytest.mark.parametrize(
    ("token", "authority", "words"),
    [
        ("wrong", "cert", r"refused us \(UNAUTHENTICATED\): this server wants a token"),
        ("token", None, "no answer"),  # a certificate that the system does not trust
        (None, None, "no answer"),  # loopback without a token is tried in plain text
    ],
)
def test_without_the_right_token_or_certificate(
    token: str | None, authority: str | None, words: str, guarded: Server, tls: dict[str, Path]
) -> None:
    with pytest.raises(ServerError, match=words):
        RemoteEngine(
            guarded.address,
            token_file=str(tls[token]) if token else None,
            tls_ca=str(tls[authority]) if authority else None,
        )


def test_options_from_the_environment(
    guarded: Server, tls: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For callers that give an address alone, as the C ABI does."""
    monkeypatch.setenv("CNNSCORE_TOKEN_FILE", str(tls["token"]))
    monkeypatch.setenv("CNNSCORE_TLS_CA", str(tls["cert"]))
    monkeypatch.setenv("CNNSCORE_SERVER_TIMEOUT", "30")
    RemoteEngine(guarded.address).close()
    monkeypatch.setenv("CNNSCORE_SERVER_TIMEOUT", "soon")
    with pytest.raises(BadInput, match="CNNSCORE_SERVER_TIMEOUT=soon"):
        RemoteEngine(guarded.address)


def test_a_token_that_no_server_takes(tls: dict[str, Path]) -> None:
    with pytest.raises(BadInput, match="short must hold a token of at least 16"):
        RemoteEngine("tcp:127.0.0.1:1", token_file=str(tls["short"]))


def test_a_token_never_goes_out_in_plain_text(tls: dict[str, Path]) -> None:
    with pytest.raises(BadInput, match="wants a token"):
        RemoteEngine("tcp:example.org:1")
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def listen() -> bytes:
            connection, _ = listener.accept()
            with connection:
                return connection.recv(4096)

        heard = pool.submit(listen)
        address = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ServerError, match="no answer"):
            RemoteEngine(address, token_file=str(tls["token"]), tls_ca=str(tls["cert"]))
        assert heard.result(300)[0] == 0x16  # a TLS handshake


def test_plain_text_on_loopback(
    start: StartServer, tiny: dict[str, str], windows: dict[str, Windows]
) -> None:
    case = windows["reference"]
    server = start(tiny["reference"], "--insecure", listen="tcp:localhost:0")
    remote = RemoteEngine(server.address)
    assert remote.score(case.batch).tobytes() == case.scores.tobytes()
    remote.close()
    fails(tiny, 2, "is the port taken", "--insecure", listen=server.address)


# ---- sockets ----


def test_a_socket_is_its_owners(
    servers: dict[str, Server], start: StartServer, tiny: dict[str, str]
) -> None:
    def mode(server: Server) -> int:
        return stat.S_IMODE(Path(server.address.removeprefix("unix:")).stat().st_mode)

    assert mode(servers["reads"]) == 0o600
    assert mode(start(tiny["reference"], "--socket-mode", "660")) == 0o660


def fails(tiny: dict[str, str], code: int, words: str, *arguments: object, listen: str) -> None:
    """A server that does not start: its exit code, and one line that says why."""
    done = run_process("serve", "-m", tiny["reference"], "--listen", listen, *arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_a_path_that_is_taken(
    servers: dict[str, Server], tiny: dict[str, str], tmp_path: Path
) -> None:
    fails(tiny, 2, "a server listens at", listen=servers["reads"].address)
    (tmp_path / "file").write_text("precious")
    fails(tiny, 2, "is no socket", listen=f"unix:{tmp_path}/file")
    assert (tmp_path / "file").read_text() == "precious"
    fails(tiny, 2, "is its folder there", listen=f"unix:{tmp_path}/nowhere/s")


def test_what_a_dead_server_left(start: StartServer, tiny: dict[str, str]) -> None:
    server = start(tiny["reference"])
    server.stop(signal.SIGKILL)
    assert Path(server.address.removeprefix("unix:")).exists()
    again = start(tiny["reference"], listen=server.address)
    RemoteEngine(again.address).close()


def test_a_path_with_odd_letters(start: StartServer, tiny: dict[str, str], tmp_path: Path) -> None:
    server = start(tiny["reference"], listen=f"unix:{tmp_path}/a b%20?#ü")
    RemoteEngine(server.address).close()
    assert server.stop() == 0


# ---- what is not understood, or not safe ----


@pytest.mark.parametrize(
    ("listen", "options", "words"),
    [
        ("tcp:127.0.0.1:0", [], "or --insecure on loopback"),
        ("tcp:0.0.0.0:0", ["--insecure"], "--insecure is for loopback"),
        ("tcp:example.org:0", ["--insecure"], "--insecure is for loopback"),
        ("tcp:127.0.0.1:0", ["--tls-cert", "c", "--tls-key", "k"], "--token-file"),
        ("tcp:127.0.0.1:0", ["--insecure", "--token-file", "t"], "not both"),
        ("unix:s", ["--insecure"], "are for tcp:"),
        ("unix:s", ["--token-file", "t"], "are for tcp:"),
        ("unix:s", ["--socket-mode", "rw"], "no file mode"),
        ("unix:s", ["--metrics", "unix:m"], "wants tcp:HOST:PORT"),
        ("unix:", [], "no address"),
        ("s", [], "no address"),
        ("tcp:host", [], "no address"),
        ("tcp:host:70000", [], "no address"),
        ("unix:" + "x" * 108, [], "too long"),
    ],
)
def test_servers_that_do_not_start(listen: str, options: list[str], words: str) -> None:
    done = run_cli("serve", "-m", "gatk-1d", "--listen", listen, *options)
    assert done.code == 1
    assert words in done.err


def test_files_that_are_no_good(tls: dict[str, Path], tiny: dict[str, str]) -> None:
    def run(**files: Path) -> Finished:
        given = {"tls-cert": tls["cert"], "tls-key": tls["key"], "token-file": tls["token"]}
        given |= {name.replace("_", "-"): file for name, file in files.items()}
        options = [part for name, file in given.items() for part in (f"--{name}", file)]
        return run_cli("serve", "-m", tiny["reference"], "--listen", "tcp:127.0.0.1:0", *options)

    cases: list[tuple[dict[str, Path], str]] = [
        ({"token_file": tls["short"]}, "openssl rand -hex 32"),
        ({"token_file": Path("/nowhere")}, "cannot read /nowhere"),
        ({"tls_key": Path("/nowhere")}, "cannot read /nowhere"),
        ({"tls_cert": tls["token"]}, "cannot listen"),
    ]
    for files, words in cases:
        done = run(**files)
        assert (done.code, words in done.err) == (2, True), done.err


def test_addresses() -> None:
    assert parse_address("tcp:[::1]:7300").target == "[::1]:7300"
    assert parse_address("tcp:[::1]:7300").is_loopback
    assert str(parse_address("tcp:[::1]:7300")) == "tcp:[::1]:7300"
    assert parse_address("tcp:127.8.0.1:1").is_loopback
    assert not parse_address("tcp:10.0.0.1:1").is_loopback
    assert parse_address("unix:/a/b").target == "unix:/a/b"
    for text in ("http://host", "tcp:::1:7300", "tcp:a b:1", "unix", ""):
        with pytest.raises(UsageError, match="give unix:PATH or tcp:HOST:PORT"):
            parse_address(text)
