"""Sphinx's settings for the site; make_site.py lays the pages and runs it."""

from __future__ import annotations

import re
from typing import Any

from cnnscore.version import __version__

project = "cnnscore"
release = version = __version__
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc"]

html_theme = "furo"
html_title = f"cnnscore {version}"
html_static_path: list[str] = []
html_copy_source = False
html_show_copyright = False
# It would be fetched, which a browser refuses a page that was opened from a disk.
html_show_search_summary = False

# Links into a page as on the pages of a repository: #how-it-looks.
myst_heading_anchors = 4
highlight_language = "text"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
# In docstrings `x` is code.
default_role = "code"
# Shown as text: annotations name types of numpy and pysam, whose pages are elsewhere.
nitpicky = False


def link_pages(
    _app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Make links of the pages that a docstring names."""
    lines[:] = [re.sub(r"\bdocs/([a-z/-]+)\.md", r":doc:`/docs/\1`", line) for line in lines]


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", link_pages)
