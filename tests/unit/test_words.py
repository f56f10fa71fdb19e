"""The words of code, help and docs: plain English that a reader from anywhere understands."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FOLDERS = ("python", "native", "plugin", "docs", "tests")
SUFFIXES = (".py", ".c", ".h", ".java", ".js", ".md", ".j2", ".toml", ".smk", ".proto", ".txt")

RIDDLES = (
    # "a row a site": write "one row per site".
    r"\b(?:a|one) (?:row|line|site|score|record|allele|file|type) (?:a|an) [a-z]+",
    # "bytes a record", "most reads a site": write "bytes per record".
    r"\b(?:rows|sites|bytes|bits|values|(?:most|\d+) reads) (?:a|an) "
    r"(?:allele|ALT|base|call|column|locus|network call|page|read|record|row|second|site)\b",
    # "one a row", "one a distinct score": write "one per row".
    r"\b(?:one|\d) (?:a|an) (?:distinct|field|row|line|column|site|record|allele|run|type)\b",
    # "keep so many per cent": write "keep this percentage".
    r"\bso many (?:per cent|%)",
)


def text_files() -> list[Path]:
    found = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"]
    for folder in FOLDERS:
        found += [
            path
            for path in sorted((PROJECT / folder).rglob("*"))
            if path.suffix in SUFFIXES
            and path.is_file()
            and path != Path(__file__)
            # which setuptools writes
            and not path.parent.name.endswith(".egg-info")
        ]
    return found


def riddles(text: str) -> list[str]:
    """What matches RIDDLES within a paragraph, the marks of comments aside."""
    flowing = re.sub(r"(?<!\n)\n(?!\s*\n)[ \t/*#]*", " ", text)
    return [
        match.group() for riddle in RIDDLES for match in re.finditer(riddle, flowing, re.IGNORECASE)
    ]


def test_no_riddles() -> None:
    files = text_files()
    assert len(files) > 300
    found = {
        str(path.relative_to(PROJECT)): wrong
        for path in files
        if (wrong := riddles(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


def test_riddles_are_found() -> None:
    wrong = "Write a row a site.\n * One score an\n * allele; keep so many per\n# cent of them."
    assert len(riddles(wrong)) == 3
    assert riddles("One row per site, one score per allele; a file. A line is a call.") == []


def test_pages_that_are_named_exist() -> None:
    """Code, help and docs send their readers to pages by path."""
    named = [
        (path.relative_to(PROJECT).as_posix(), page)
        for path in [*text_files(), PROJECT / "CHANGELOG.md", PROJECT / "Makefile"]
        for page in re.findall(
            r"\bdocs/[a-z/-]+\.(?:md|png)", path.read_text(encoding="utf-8", errors="replace")
        )
    ]
    assert len(named) > 100
    assert not [(path, page) for path, page in named if not (PROJECT / page).is_file()]
