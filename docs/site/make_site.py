"""make_site.py FOLDER: the documentation as a site (`make docs`).

Made by Sphinx, as its autodoc reads the API's docstrings and its search works from a disk, with
MyST for the Markdown and Furo, which is dark where its reader likes that and loads nothing from
elsewhere. The pages lie in the source as in the repository, so their links hold as they stand;
docs/README.md is the table of contents. A warning of Sphinx's, a broken link and a page that no
other leads to fail the build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cnnscore.cli.parser import COMMANDS
from links import faults
from pages import api_page, command_page, commands_page, notebook_page, source_page

SITE = Path(__file__).parent
ROOT = SITE.parents[1]
README, NOTEBOOKS, REFERENCE = "README.md", "docs/notebooks", "docs/reference"
FIRST_NOTEBOOK = f"{NOTEBOOKS}/1-score-and-look.md"
CONTRACTS = (
    (f"{REFERENCE}/header", "cnnscore.h", "[The C ABI](c-abi.md) says how it is used.", "c"),
    (
        f"{REFERENCE}/messages",
        "cnnscore.proto",
        "[The protocol](protocol.md) explains it.",
        "proto",
    ),
)
MADE = {
    "Reference": {
        "Commands": f"{REFERENCE}/commands",
        "Python API": f"{REFERENCE}/api",
        **{name: page for page, name, *_ in CONTRACTS},
    },
    "Tasks": {"Workflow engines": "plugin/workflows/README"},
    "Networks that ship": {
        f"Card of `{path.stem}`": path.relative_to(ROOT).with_suffix("").as_posix()
        for path in sorted((ROOT / "python/cnnscore/models").glob("*.md"))
    }
    | {"How they are made": "python/recipes/bundled-models/README"},
    "The project": {
        "Contents": "docs/README",
        "Changes": "CHANGELOG",
        "Contributing": "CONTRIBUTING",
        "Security": "SECURITY",
        "Packages": "plugin/packaging/README",
    },
}
"""Pages by group that docs/README.md does not list: they are made, or stand elsewhere."""


def main() -> None:
    """Build it. Exit 1 with one line per fault."""
    site = Path(sys.argv[1]).resolve()
    source = site.with_name(f"{site.name}-source")
    for folder in (site, source):
        shutil.rmtree(folder, ignore_errors=True)
    lay_pages(source)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"),
            *("-c", SITE, "-d", source / ".doctrees", source, site),
        ],
        check=False,
    )
    if run.returncode:
        sys.exit(1)
    found = list(faults(site))
    for fault in found:
        print(fault, file=sys.stderr)
    sys.exit(1 if found else 0)


def lay_pages(source: Path) -> None:
    """Write the pages into a folder, where the repository has them."""
    made = [f"{page}.md" for group in MADE.values() for page in group.values()]
    kept = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    for page in sorted({*kept, *(page for page in made if (ROOT / page).exists())}):
        _write(source, page, (ROOT / page).read_text(encoding="utf-8"))
    home = (ROOT / README).read_text(encoding="utf-8")
    _write(source, "index.md", home + "\n".join(contents()))
    beside = [*(ROOT / "docs").rglob("*.png"), *(ROOT / NOTEBOOKS).glob("*.ipynb")]
    for path in [*beside, *(ROOT / name for name in ("LICENSE", "NOTICE", "CITATION.cff"))]:
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
        if path.suffix == ".ipynb":
            _write(source, f"{NOTEBOOKS}/{path.stem}.md", notebook_page(path))
    _write(source, f"{REFERENCE}/commands.md", commands_page())
    for name in COMMANDS:
        _write(source, f"{REFERENCE}/commands/{name}.md", command_page(name))
    _write(source, f"{REFERENCE}/api.md", api_page())
    for page, name, about, language in CONTRACTS:
        text = (ROOT / "native/include" / name).read_text(encoding="utf-8")
        _write(source, f"{page}.md", source_page(name, about, text, language))


def contents() -> Iterator[str]:
    """Tables of contents, one per group of docs/README.md, and what MADE adds."""
    groups = re.split(
        r"^## (.*)\n", (ROOT / "docs/README.md").read_text("utf-8"), flags=re.MULTILINE
    )
    listed = dict(zip(groups[1::2], groups[2::2], strict=True))
    for group in [*listed, *(group for group in MADE if group not in listed)]:
        yield from ("", "```{toctree}", ":hidden:", f":caption: {group}", "")
        for title, page in re.findall(
            r"^- \[(.*?)\]\((.*?)\.(?:md|ipynb)\)", listed.get(group, ""), re.M
        ):
            yield f"{title} <docs/{page}>"
        for title, page in MADE.get(group, {}).items():
            yield f"{title} <{page}>"
        yield "```"
    yield ""


def _write(source: Path, page: str, text: str) -> None:
    """Write a page; links to a page that is the site's index, or made of a notebook, lead there."""
    folder = Path(page).parent

    def link(found: re.Match[str]) -> str:
        target = os.path.normpath(folder / found[1])
        if target == page.removesuffix(".md") + ".ipynb":
            return found[0]  # the notebook itself
        if target in (README, NOTEBOOKS) or target.endswith(".ipynb"):
            target = {README: "index.md", NOTEBOOKS: FIRST_NOTEBOOK}.get(
                target, target.removesuffix(".ipynb") + ".md"
            )
            return f"]({os.path.relpath(target, folder)}{found[2] or ''})"
        return found[0]

    path = source / page
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"\]\(([^)#:]+)(#[^)]*)?\)", link, text), encoding="utf-8")


if __name__ == "__main__":
    main()
