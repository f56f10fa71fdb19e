"""Calls over https, from a server on this machine: `python over_https.py DATA OUT COMMAND...`.

COMMAND is the cnnscore of a wheel. Its htslib must read what the server has where it knows the
server's certificate, and refuse where it does not.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a log."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    return certificate, key


def main() -> None:
    """The command line."""
    data, out, command = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as work:
        certificate, key = certify(Path(work))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(data)))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        calls = f"https://localhost:{server.server_port}/calls.vcf.gz"
        options = ["-R", str(data / "ref.fa"), "-I", str(data / "reads.bam"), "--quiet", "-o", out]
        score = [*command, "score", calls, *options]
        refused = subprocess.run(score, capture_output=True, text=True, check=False)
        assert refused.returncode == 2, refused.stderr
        subprocess.run(score, check=True, env={**os.environ, "CURL_CA_BUNDLE": str(certificate)})
        server.shutdown()


if __name__ == "__main__":
    main()
