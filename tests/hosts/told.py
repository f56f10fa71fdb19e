"""A server that tells something of its network which this machine may not have."""

from __future__ import annotations

import socket
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
    place = Path(tempfile.mkdtemp(dir=folder)) / "s"
    command = [sys.executable, str(FAKE), f"describe:{field}", "--listen", f"unix:{place}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _listens(place))
            yield f"unix:{place}"
        finally:
            process.kill()


def _listens(place: Path) -> bool:
    """The file is there before that."""
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(str(place)) == 0
