"""Real reads for the recipe: which, and the command that plants truth in them (`cnnscore dataset
--plant`). planted.toml lists some.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LICENCES = ("MIT", "Apache-2.0", "BSD-3-Clause", "public domain")
"""Of reads that networks which ship may be trained on."""
TESTED = {"20": (9_900_000, 11_200_000), "chr20": (9_900_000, 11_200_000)}
"""b37 20:9.995-11.095M and what is that in GRCh38: where networks are tested, never trained."""
SEEDS = 3


def listed(path: Path) -> list[dict[str, Any]]:
    """The entries of a list such as planted.toml. Errors: SystemExit for one that may not be."""
    entries: list[dict[str, Any]] = tomllib.loads(path.read_text())["planted"]
    for entry in entries:
        check(entry)
    return entries


def check(entry: Mapping[str, Any]) -> None:
    """Errors: SystemExit for reads of another licence, or of where networks are tested."""
    name = entry["name"]
    if entry["licence"] not in LICENCES:
        raise SystemExit(f"{name}: the licence is none of {', '.join(LICENCES)}")
    for region in str(entry["regions"]).split(","):
        match = re.fullmatch(r"([^:]+)(?::(\d+)-(\d+))?", region)
        if not match:
            raise SystemExit(f"{name}: {region} is no region")
        low, high = TESTED.get(match[1], (0, 0))
        begin, end = int(match[2] or 0), int(match[3] or high)
        if begin < high and end > low:
            raise SystemExit(f"{name}: {region} is where networks are tested")


def data_sets(entry: Mapping[str, Any], callers: list[str]) -> list[str]:
    """The files that the command makes."""
    name, seeds = entry["name"], range(1, entry.get("seeds", SEEDS) + 1)
    return [
        f"planted/{name}/{name}.seed{seed}.{caller}.parquet" for seed in seeds for caller in callers
    ]


def command(
    entry: Mapping[str, Any], located: Callable[[str], Path], callers: Mapping[str, str]
) -> list[str]:
    """Arguments of `cnnscore`; `callers` are names and commands, "" for one that is known."""
    name, seeds = entry["name"], range(1, entry.get("seeds", SEEDS) + 1)
    asked = [f"{caller}={text}" if text else caller for caller, text in callers.items()]
    return [
        *("dataset", "--plant", "--overwrite", "-r", str(entry["regions"])),
        *("-R", str(located(entry["reference"])), "-I", str(located(entry["reads"]))),
        *("--seeds", ",".join(map(str, seeds)), "--ploidy", str(entry.get("ploidy", 2))),
        *(word for caller in asked for word in ("--caller", caller)),
        *("--validation", "0.04", "--calibration", "0.08", "--block", "20000"),
        *("--name", name, "--tag", "profile=planted", "-o", f"planted/{name}"),
    ]
