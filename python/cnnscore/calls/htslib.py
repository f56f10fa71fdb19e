"""The htslib that `_window` stands on: the rest of the package takes the native module from here.

A release wheel brings its own, whose libcurl was built on Debian and looks for certificates where
Debian has them. Other distributions have them elsewhere; htslib takes the file of CURL_CA_BUNDLE.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cnnscore._window import ffi, lib

if TYPE_CHECKING:
    from cnnscore._window import CData

__all__ = ["ffi", "htslib_features", "htslib_source", "htslib_version", "lib"]

BUILT_IN = "built in"
DEBIAN = "/etc/ssl/certs/ca-certificates.crt"
OTHERS = (
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat, Rocky, Amazon Linux
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Arch, Alpine
)


def htslib_version() -> str:
    """Version of the htslib that reads and writes."""
    return _text(lib.cnnscore_htslib_version())


def htslib_source() -> str:
    """Whose htslib it is: `the system's`, `pysam's`, or `built in`."""
    return _text(lib.cnnscore_htslib_source())


def htslib_features() -> list[str]:
    """What it was built with, in htslib's own words: `libdeflate`, `libcurl`, `S3`, `GCS`, ..."""
    words = (word.partition("=") for word in _text(lib.cnnscore_htslib_features()).split())
    return [name for name, _, value in words if value == "yes"]


def set_certificates(usual: str = DEBIAN, others: Iterable[str] = OTHERS) -> None:
    """Set CURL_CA_BUNDLE where the usual file is not there and the user has not set it."""
    if "CURL_CA_BUNDLE" in os.environ or Path(usual).exists():
        return
    found = next((path for path in others if Path(path).exists()), None)
    if found:
        os.environ["CURL_CA_BUNDLE"] = found


def _text(said: CData) -> str:
    return str(ffi.string(said).decode())


if htslib_source() == BUILT_IN:
    set_certificates()
