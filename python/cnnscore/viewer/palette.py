"""Colours of pictures and terminals: those of the page's light theme, read from page.css."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


@cache
def _theme() -> dict[str, str]:
    css = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    light = css[css.index(":root {") : css.index("}")]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))


def colour(name: str) -> str:
    """A colour of the light theme, `#rrggbb`."""
    return _theme()[name]


def rgb(text: str) -> tuple[int, int, int]:
    """Red, green and blue, 0-255, of `#rrggbb`."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


BASES = {letter: colour(f"base-{letter.lower()}") for letter in "ACGT"}
