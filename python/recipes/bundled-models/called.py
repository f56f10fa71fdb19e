"""Records of a call file as figures take them: type, QUAL and INFO; commands that must not fail."""

from __future__ import annotations

import subprocess
from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch
from cnnscore.calls.records import Records

TYPES = ("SNP", "INDEL")


def run(*command: object) -> None:
    """Run a command; a failure ends the program with what it said."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        text = done.stdout.decode(errors="replace")[-2000:]
        raise SystemExit(f"{' '.join(map(str, command))}\nfailed ({done.returncode}):\n{text}")


def types(sites: WindowBatch) -> NDArray[np.int8]:
    """[N] index into TYPES: a SNP where all alleles of a record are as long."""
    length, first = np.diff(sites.allele_offset), sites.site_allele[:-1]
    same = np.maximum.reduceat(length, first) == np.minimum.reduceat(length, first)
    return np.where(same, 0, 1).astype(np.int8)


def numbers(
    records: Records, keys: Sequence[str], declared: Container[str]
) -> dict[str, NDArray[np.float64]]:
    """[N] QUAL and these INFO keys; NaN: missing, as all are of a key that is not declared."""
    first = records.sites().site_allele[:-1]
    values = {"QUAL": records.numbers("QUAL")[first]}
    for key in keys:
        missing = np.full(len(first), np.nan)
        values[key] = records.numbers("INFO", key)[first] if key in declared else missing
    return values
