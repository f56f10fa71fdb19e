"""What tests do with pages of `cnnscore evaluate`."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pysam

from conftest import run_cli
from web.conftest import Opened


def ready(opened: Opened) -> Opened:
    opened.page.wait_for_selector("html[data-ready]")
    return opened


def result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "evaluation.json").read_text()))


def compared(folder: Path) -> dict[str, Counter[str]]:
    """By record, CONTIG:POS:REF:ALT, how many compared calls it holds, true and false."""
    found: dict[str, Counter[str]] = {}
    with pysam.VariantFile(str(folder / "compared.vcf.gz")) as lines:
        for line in lines:
            label = {"TP": "true", "FP": "false"}.get(str(line.info["LABEL"]))
            if label:
                found.setdefault(",".join(line.info["CALL"]), Counter())[label] += 1
    return found


def kept_by_the_command(
    opened: Opened, calls: dict[str, Counter[str]], source: Path, out: Path
) -> dict[str, int]:
    """Run the printed command on `source`; how many compared calls its PASS records hold."""
    words = shlex.split(opened.page.inner_text("#command"))
    if words:
        assert words[:3] == ["cnnscore", "filter", str(source)]
        done = run_cli(*words[1 : words.index("-o")], "-o", out)
        assert done.code == 0, done.err
    kept: Counter[str] = Counter(true=0, false=0)
    with pysam.VariantFile(str(out if words else source)) as records:
        for record in records:
            if not words or record.filter.keys() in ([], ["PASS"]):
                alts = ",".join(record.alts or ())
                kept += calls[f"{record.contig}:{record.pos}:{record.ref}:{alts}"]
    return {name: kept[name] for name in ("true", "false")}


def readout(opened: Opened) -> dict[str, int]:
    """Calls kept, true and false, as the page counts them."""
    found = {"true": 0, "false": 0}
    for kind in ("SNP", "INDEL"):
        if opened.page.locator(f"#readout-{kind}").count():
            text = opened.page.inner_text(f"#readout-{kind}")
            for count, name in re.findall(r"([\d,]+) (true|false)$", text, re.MULTILINE):
                found[name] += int(count.replace(",", ""))
    return found


def slide(opened: Opened, kind: str, part: float) -> None:
    """Move a slider to a part of its way: 0 keeps most, 1 fewest."""
    opened.page.eval_on_selector(
        f"#slider-{kind}",
        """(input, part) => {
            input.value = Math.round(part * Number(input.max));
            input.dispatchEvent(new Event("input"));
        }""",
        part,
    )
