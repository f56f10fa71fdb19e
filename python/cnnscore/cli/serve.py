"""Score window batches of other processes: one network, one GPU, many clients.

`cnnscore score --server`, the C library (with the address for a model) and GATK's
CnnScoreVariants send their windows here. Sites of several clients share a network batch. Each
client gets its own scores in its own order, equal to the last bit to those without a server.
It prints `ready ADDRESS` when clients can connect. SIGTERM ends it, once what clients have sent
is answered.

Examples:
  cnnscore serve --listen unix:/run/user/1000/cnnscore.sock -m gatk-2d
  cnnscore score calls.vcf.gz -R ref.fa -I a.bam --server unix:/run/user/1000/cnnscore.sock
  cnnscore serve --listen tcp:0.0.0.0:7300 -m gatk-2d \\
      --tls-cert cert.pem --tls-key key.pem --token-file token --metrics tcp:127.0.0.1:9300
"""

from __future__ import annotations

import argparse
import logging

from cnnscore.cli.arguments import add_annotations_argument, add_log_argument, add_option, positive
from cnnscore.errors import UsageError
from cnnscore.wire.address import Address, parse_address

NEEDED = ("grpc", "google.protobuf", "grpc_health", "prometheus_client")
LAST_WORDS = "cnnscore: standard input has ended, and with it this server (--end-with-stdin)\n"

log = logging.getLogger("cnnscore")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    network = parser.add_argument_group("network")
    add_option(
        network, "model", required=True, help="name or .onnx file; see `cnnscore model list`"
    )
    add_option(network, "provider")
    add_option(network, "precision")
    add_option(network, "threads")
    network.add_argument(
        "--max-batch",
        metavar="N",
        type=positive,
        help="sites per network call; never changes a score",
    )
    add_annotations_argument(network)
    access = parser.add_argument_group("access")
    access.add_argument(
        "--listen",
        metavar="ADDRESS",
        required=True,
        help="unix:PATH or tcp:HOST:PORT; port 0 takes a free one",
    )
    access.add_argument(
        "--socket-mode", metavar="MODE", default="0600", help="mode of the Unix socket [0600]"
    )
    access.add_argument("--tls-cert", metavar="PEM", help="certificate chain, for tcp:")
    access.add_argument("--tls-key", metavar="PEM", help="private key of the certificate")
    add_option(access, "token-file", help="file with the token that clients must send, for tcp:")
    add_option(access, "insecure", help="tcp: without TLS and token, on loopback only")
    access.add_argument(
        "--metrics", metavar="tcp:HOST:PORT", help="Prometheus metrics at http://HOST:PORT/metrics"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--max-queue",
        metavar="MB",
        type=positive,
        default=256,
        help="most window batches waiting or in work; above it, clients wait [256]",
    )
    limits.add_argument(
        "--max-message", metavar="MB", type=positive, default=64, help="largest window batch [64]"
    )
    limits.add_argument(
        "--max-streams",
        metavar="N",
        type=positive,
        default=256,
        help="most clients' streams at a time; more are told to try again later [256]",
    )
    limits.add_argument(
        "--idle-timeout",
        metavar="SECONDS",
        type=positive,
        help="end after this time without a client [never]",
    )
    limits.add_argument(
        "--end-with-stdin",
        action="store_true",
        help="end at once when standard input ends, for a process that starts its own server; "
        "removes the Unix socket, and its folder if that is empty",
    )
    add_log_argument(limits, "info")


def run(options: argparse.Namespace) -> None:
    """Serve until told to stop."""
    listen = parse_address(options.listen)
    if options.end_with_stdin:
        from cnnscore.serve.leash import end_with_stdin

        end_with_stdin(listen, LAST_WORDS)
    from cnnscore.extras import need

    need("", *NEEDED)
    from cnnscore.serve.server import ServeOptions, serve

    serve(
        ServeOptions(
            listen=listen,
            model=options.model,
            provider=options.provider,
            precision=options.precision,
            threads=options.threads,
            max_batch=options.max_batch,
            annotations=options.annotations,
            max_queue_mb=options.max_queue,
            max_message_mb=options.max_message,
            max_streams=options.max_streams,
            idle_timeout=options.idle_timeout,
            socket_mode=_mode(options.socket_mode),
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
            token_file=options.token_file,
            insecure=options.insecure,
            metrics=_tcp(options.metrics) if options.metrics else None,
        )
    )


def _mode(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise UsageError(f"--socket-mode {text!r} is no file mode: give one like 0660")
    return mode


def _tcp(text: str) -> Address:
    address = parse_address(text)
    if address.path:
        raise UsageError("--metrics is for Prometheus, which wants tcp:HOST:PORT")
    return address
