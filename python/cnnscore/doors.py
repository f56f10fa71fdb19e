"""Where the other doors of this installation lie: bcftools' plugin, the C library, GATK's tool.

A wheel has them in cnnscore/lib (native/build_doors.py); beside a clone's package, `make` has built
them in .make.
"""

from __future__ import annotations

from pathlib import Path

from cnnscore.errors import UsageError

PACKAGE = Path(__file__).resolve().parent
LIB = PACKAGE / "lib"
_MADE = PACKAGE.parents[1] / ".make"


def plugin() -> Path:
    """The bcftools plugin, cnnscore.so. Errors: UsageError where this installation has none."""
    return _first(
        "bcftools plugin", "make build", LIB / "bcftools", _MADE / "plugins", "cnnscore.so"
    )


def library() -> Path:
    """libcnnscore.so. Errors: as of `plugin`."""
    return _first("C library", "make build", LIB, _MADE / "lib", "libcnnscore.so")


def walker() -> Path:
    """The jar of GATK's CnnScoreVariants. Errors: as of `plugin`."""
    return _first("GATK jar", "make gatk", LIB / "gatk", _MADE / "gatk", "cnnscore-gatk.jar")


def pkg_config() -> Path | None:
    """The folder with cnnscore.pc; None in a clone, whose `make install` writes it."""
    folder = LIB / "pkgconfig"
    return folder if folder.is_dir() else None


def _first(what: str, target: str, installed: Path, made: Path, name: str) -> Path:
    for folder in (installed, made):
        if (folder / name).is_file():
            return folder / name
    raise UsageError(
        f"this installation has no {what} ({installed / name}): install a wheel that `make dist` "
        f"built, or run `{target}` in the clone"
    )
