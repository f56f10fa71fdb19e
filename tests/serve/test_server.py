"""A server and its clients: the same scores, and clear ends."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

import cnnscore
from cnnscore.errors import ServerError
from cnnscore.wire.client import RemoteEngine
from cnnscore.wire.messages import DESCRIBE, SERVICE
from conftest import Finished, run_cli, run_process, scores_of
from hosts.server import Server, StartServer, Windows
from hosts.stand_in import write_stand_ins
from hosts.waiting import wait_until

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


@pytest.mark.parametrize(
    ("encoding", "options"),
    [("read-set", ["--annotations", "reads"]), ("read-set", []), ("reference", [])],
)
def test_own_encodings_give_the_same_bytes(
    encoding: str, options: list[str], start: StartServer, data: Path, tmp_path: Path
) -> None:
    """Whose annotations come from QUAL and the depth of a site too, also where that was sampled."""
    local, remote = tmp_path / "local.vcf", tmp_path / "remote.vcf"
    model = write_stand_ins(tmp_path)[encoding]
    server = start(model, *options)
    for calls, reads in [("edge", "reads"), ("deep", "deep")]:
        files = [data / f"{calls}.vcf.gz", "-R", data / "ref.fa", "--no-version", "--quiet"]
        files += ["-I", data / f"{reads}.bam"] if encoding == "read-set" else []
        alone = run_cli("score", *files, "-m", model, *options, "-o", local)
        assert alone.code == 0
        # The deep reads are a slice: of its depth both warn.
        assert ("slice of a larger file" in alone.err) == ("-I" in files and reads == "deep")
        through = run_cli("score", *files, "--server", server.address, "-o", remote)
        assert through == alone
        assert remote.read_bytes() == local.read_bytes()
        assert len(set(scores_of(local, "CNN_READS" if "-I" in files else "CNN_REF"))) > 2


@pytest.mark.parametrize("network", ["gatk-1d", "gatk-2d"])
@pytest.mark.usefixtures("gatk_models")
def test_gatk_networks_give_the_same_bytes(
    network: str, start: StartServer, data: Path, tmp_path: Path
) -> None:
    local, remote = tmp_path / "local.vcf", tmp_path / "remote.vcf"
    kind = "reads" if network == "gatk-2d" else "reference"
    server = start(network)
    assert run_cli("score", *score_arguments(data, kind, local), "-m", network).code == 0
    arguments = [*score_arguments(data, kind, remote), "--server", server.address]
    assert run_cli("score", *arguments, "-m", network) == Finished(0, "")
    assert remote.read_bytes() == local.read_bytes()


def test_an_address_in_place_of_a_model(servers: dict[str, Server], data: Path) -> None:
    scorer = cnnscore.open(servers["reference"].address)
    assert scorer.engine.description.provider == f"cpu at {servers['reference'].address}"
    output = Path(os.devnull)
    summary = scorer.score(
        str(data / "calls.vcf.gz"), reference=str(data / "ref.fa"), output=str(output)
    )
    assert (summary.sites, summary.scored) == (294, 294)


def test_a_client_needs_no_onnx_runtime(
    servers: dict[str, Server], data: Path, tmp_path: Path
) -> None:
    """And the command without a server needs no gRPC."""
    arguments = score_arguments(data, "reference", tmp_path / "out.vcf")
    code = (
        "import sys; from cnnscore.cli import main; assert main(sys.argv[2:]) == 0; "
        "assert sys.argv[1] not in sys.modules"
    )
    for absent, chosen in [
        ("onnxruntime", ["--server", servers["reference"].address]),
        ("grpc", ["-m", servers["reference"].model]),
    ]:
        command = [sys.executable, "-c", code, absent, "score", *map(str, [*arguments, *chosen])]
        subprocess.run(command, check=True)


@pytest.mark.parametrize("command", ["score --server unix:s calls -R ref", "serve --listen unix:s"])
def test_without_what_it_needs(command: str) -> None:
    code = (
        "import sys; sys.modules['google.protobuf'] = sys.modules['grpc'] = None; "
        "from cnnscore.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = [sys.executable, "-c", code, *command.split(), "-m", "gatk-1d"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.endswith(": pip install cnnscore\n")


# ---- the wrong server, or none ----


def fails(arguments: list[object], output: Path, *words: str) -> None:
    """Exit code 2, one line that has `words`, and no output."""
    done = run_cli("score", *arguments)
    assert done.code == 2, done.err
    assert done.err.count("\n") == 1
    assert done.err.startswith("cnnscore: error: ")
    for word in words:
        assert word in done.err
    assert list(output.parent.iterdir()) == []


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A path in a folder that is empty."""
    (tmp_path / "box").mkdir()
    return tmp_path / "box" / "out.vcf"


def test_a_socket_that_is_gone(data: Path, output: Path, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/gone"
    arguments = [*score_arguments(data, "reference", output), "--server", address]
    fails(arguments, output, address, "`cnnscore serve` starts one")
    (tmp_path / "gone").write_text("no socket")
    fails(arguments, output, address, "`cnnscore serve` starts one")


def test_a_server_with_another_network(
    servers: dict[str, Server], data: Path, output: Path
) -> None:
    server = servers["reference"].address
    arguments = [*score_arguments(data, "reference", output), "--server", server]
    fails([*arguments, "-m", "gatk-2d"], output, "scores with reference, not gatk-2d")


def test_a_network_that_changed_behind_the_address(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    """A server may be started again with another network while a client works."""
    first = start(tiny["reference"])
    remote = RemoteEngine(first.address)
    batch = windows["reference"].batch
    assert len(remote.score(batch)) == len(batch)
    assert first.stop() == 0
    start(tiny["reads"], listen=first.address)
    with pytest.raises(ServerError, match="another network"):
        remote.score(batch)
    remote.close()


def test_reads_for_a_network_that_wants_them(
    servers: dict[str, Server], data: Path, output: Path
) -> None:
    done = run_cli(
        "score",
        *score_arguments(data, "reference", output),
        *("--server", servers["reads"].address),
    )
    assert (done.code, list(output.parent.iterdir())) == (1, [])
    assert "looks at reads: give them with --reads" in done.err


class Foreign(grpc.GenericRpcHandler):
    """A server of something else, or of another version."""

    def __init__(self, description: bytes | None) -> None:
        self._description = description

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Answer Describe alone."""
        if self._description is None or handler_call_details.method != DESCRIBE:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._description)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (b"\x08\x02\x12\x059.9.9", ["cnnscore 9.9.9", "version 2", "install the same cnnscore"]),
        (b"\xff\xff", ["no Description message"]),
        (None, ["no scoring server of this protocol"]),
    ],
)
def test_a_server_of_another_version(
    description: bytes | None, words: list[str], data: Path, output: Path, tmp_path: Path
) -> None:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Foreign(description)])
    server.add_insecure_port(f"unix:{tmp_path}/s")
    server.start()
    arguments = [*score_arguments(data, "reference", output), "--server", f"unix:{tmp_path}/s"]
    fails(arguments, output, *words)
    server.stop(0).wait()


@pytest.mark.parametrize(
    "options", [["--provider", "cpu"], ["--batch-size", "4"], ["--precision", "bf16"]]
)
def test_what_is_the_servers(options: list[str], data: Path, output: Path) -> None:
    arguments = [*score_arguments(data, "reference", output), "--server", "unix:/s", *options]
    assert run_cli("score", *arguments).code == 1


# ---- ends ----


def test_killed_in_mid_batch(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    server = start(tiny["reference"])
    remote = RemoteEngine(server.address)
    server.process.send_signal(signal.SIGSTOP)  # so that it does not answer first
    with ThreadPoolExecutor(1) as pool:
        scores = pool.submit(remote.score, windows["reference"].batch)
        with pytest.raises(TimeoutError):
            scores.result(0.3)
        server.stop(signal.SIGKILL)
        with pytest.raises(ServerError, match="is it running"):
            scores.result(300)
    remote.close()


def test_killed_in_mid_file(
    start: StartServer, tiny: dict[str, str], data: Path, output: Path
) -> None:
    """One clear error, and no output under its name or aside."""
    server = start(tiny["reference"], "--log-level", "debug")
    calls = gzip.decompress((data / "calls.vcf.gz").read_bytes())
    command = [sys.executable, "-m", "cnnscore", "score", "-", "-R", data / "ref.fa", "--quiet"]
    client = subprocess.Popen(
        [*map(str, command), "-o", str(output), "--server", server.address],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert client.stdin
    client.stdin.write(calls[: len(calls) // 2])
    client.stdin.flush()
    wait_until(lambda: "described" in server.said())
    server.stop(signal.SIGKILL)
    _, err = client.communicate(calls[len(calls) // 2 :], timeout=300)
    assert client.returncode == 2
    assert err.count(b"\n") == 1
    assert server.address.encode() in err
    assert list(output.parent.iterdir()) == []


def test_sigterm_under_load(
    windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]
) -> None:
    """What the server has taken is answered, and right; then it is gone, with its socket."""
    case = windows["reads"]
    server = start(tiny["reads"])
    scored = [0] * 6

    def client(number: int) -> str:
        remote = RemoteEngine(server.address)
        try:
            while True:
                got = remote.score(case.batch)
                assert got.tobytes() == case.scores.tobytes()
                scored[number] += 1
        except ServerError as error:
            return str(error)
        finally:
            remote.close()

    with ThreadPoolExecutor(len(scored)) as pool:
        ends = [pool.submit(client, number) for number in range(len(scored))]
        wait_until(lambda: min(scored) > 0)
        assert server.stop() == 0
        for end in ends:
            assert "is it running? `cnnscore serve` starts one" in end.result(300)
    assert "stopping: finishing" in server.said()
    assert "stopped" in server.said()
    assert "Traceback" not in server.said()
    assert not Path(server.address.removeprefix("unix:")).exists()


def test_nobody_comes(start: StartServer, tiny: dict[str, str]) -> None:
    server = start(tiny["reference"], "--idle-timeout", 1)
    assert server.process.wait(300) == 0
    assert "nobody came for 1 s" in server.said()


# ---- for supervisors ----


def test_health(servers: dict[str, Server]) -> None:
    with grpc.insecure_channel(servers["reads"].address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=300)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_metrics(windows: dict[str, Windows], start: StartServer, tiny: dict[str, str]) -> None:
    server = start(tiny["reads"], "--metrics", "tcp:127.0.0.1:0")
    (url,) = re.findall(r"http://\S+/metrics", server.said())
    case = windows["reads"]
    remote = RemoteEngine(server.address)
    for begin in range(0, 24, 6):
        remote.score(case.batch.part(begin, begin + 6))
    remote.close()
    with urllib.request.urlopen(url, timeout=300) as answer:
        text = answer.read().decode()
    sample = {
        s.name + "".join(s.labels.values()): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert sample["cnnscore_sites_total"] == 24
    assert sample["cnnscore_batches_total"] == sample["cnnscore_batch_seconds_count"] == 4
    assert sample["cnnscore_job_sites_sum"] == 24
    assert sample["cnnscore_queue_sites"] == sample["cnnscore_queue_bytes"] == 0
    assert 0 < sample["cnnscore_batch_seconds_sum"] < 60
    assert sample["process_resident_memory_bytes"] > 1 << 20
    assert 'cnnscore_info{encoding="gatk-reads",model="reads",provider="cpu"' in text
