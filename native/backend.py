"""The build backend: setuptools, with pysam in the build's environment where there is no htslib."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (  # noqa: F401 - the backend's other hooks
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

from htslib import system_has_it

Settings = Mapping[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """What setuptools needs, and pysam, whose htslib is taken where the system has none."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_pysam()]


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """As for a wheel: a module in the clone does not lie beside pysam, and setup.py says so."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_pysam()]


def _pysam() -> list[str]:
    wanted = os.environ.get("CNNSCORE_HTSLIB", "")
    return ["pysam>=0.22"] if wanted == "pysam" or not (wanted or system_has_it()) else []
