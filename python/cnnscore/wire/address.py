"""Where a scoring server listens: `unix:PATH` or `tcp:HOST:PORT`."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import quote

from cnnscore.errors import UsageError

MAX_SOCKET_PATH = 107  # bytes, of sockaddr_un


def is_address(text: str) -> bool:
    """Whether this names a server, where a network's name or file might stand as well."""
    return text.startswith(("unix:", "tcp:"))


@dataclass(frozen=True)
class Address:
    """A socket's path, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self._authority}"

    @property
    def target(self) -> str:
        """As gRPC has it."""
        if not self.path:
            return self._authority
        path = os.path.abspath(self.path)  # noqa: PTH100 - Path.resolve follows links
        return f"unix:{quote(self.path if _is_too_long(path) else path)}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody outside this machine gets there."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def _authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_too_long(path: str) -> bool:
    return len(os.fsencode(path)) > MAX_SOCKET_PATH


def parse_address(text: str) -> Address:
    """Errors: UsageError naming the forms there are."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest:
        if _is_too_long(rest):
            raise UsageError(
                f"{rest} is too long for a socket (over {MAX_SOCKET_PATH} bytes): choose a shorter "
                "path"
            )
        return Address(path=rest)
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/\s]+):(\d{1,5})", rest)
    if scheme == "tcp" and found and int(found[2]) <= 65535:
        return Address(host=found[1].strip("[]"), port=int(found[2]))
    raise UsageError(f"{text!r} is no address of a server: give unix:PATH or tcp:HOST:PORT")
