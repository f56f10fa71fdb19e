"""A server that tells something of its network which this machine may not have."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hosts.waiting import wait_until

FAKE = Path(__file__).parents[1] / "gatk" / "fake_engine.py"


@contextmanager
def telling(folder: Path, field: str) -> Iterator[str]:
    """The address of one whose description has FIELD=VALUE; every site scores 1.5 there."""
    socket = Path(tempfile.mkdtemp(dir=folder)) / "s"
    command = [sys.executable, str(FAKE), f"describe:{field}", "--listen", f"unix:{socket}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(socket.exists)
            yield f"unix:{socket}"
        finally:
            process.kill()
