"""Small HTML tables, as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def html_table(rows: Mapping[str, Iterable[object]], head: Iterable[str] = ()) -> str:
    """Rows with a name each; `head` names the columns, that of the names first.

    >>> html_table({"sites": [294]})
    '<table><tbody><tr><th>sites</th><td>294</td></tr></tbody></table>'
    """
    from html import escape  # with a table of all entities, and each run imports this module

    body = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}"
        "</tr>"
        for name, cells in rows.items()
    )
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if names else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"
