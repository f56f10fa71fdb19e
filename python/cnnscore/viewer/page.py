"""Sites -> one HTML file that needs nothing else: markup, style, script and data.

Each site is a blob of its own (JSON header, arrays, deflated, base64), opened when it is looked
at: so a page of any number of sites opens at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cnnscore.extras import need
from cnnscore.files import write_whole
from cnnscore.network.encode import READ_LETTERS, READ_SCALARS, VARIANT_FEATURES, Planes
from cnnscore.network.manifest import Manifest
from cnnscore.page import embedded_json, render, scripts
from cnnscore.version import __version__
from cnnscore.viewer.sites import Site
from cnnscore.viewer.view import View

FOLDER = Path(__file__).parent
SCRIPTS = (
    "data.js",
    "channels.js",
    "paint.js",
    "pileup.js",
    "scalars.js",
    "panel.js",
    "list.js",
    "app.js",
)
COLUMNS = (
    "name",
    "carrier",
    "contig",
    "pos",
    "ref",
    "alt",
    "kind",
    "score",
    "label",
    "depth",
    "filter",
    "qual",
    "in_file",
    "rank",
)
_ALIGN = 8


def site_blob(site: Site) -> bytes:
    """A site as the page decodes it, zlib-deflated: uint32 header length (little-endian), JSON
    header, arrays at multiples of 8 bytes from the start, where the header says."""
    arrays: Planes = dict(site.planes)
    if "bases" not in site.planes:
        arrays |= {f"pileup/{name}": plane for name, plane in site.pileup.items()}
    if site.attribution:
        arrays |= {f"effect/{axis}": effect for axis, effect in site.attribution.effects.items()}
    layout, offset = [], 0
    for name, array in arrays.items():
        layout.append([name, array.dtype.name, list(array.shape), offset])
        offset += -(-array.nbytes // _ALIGN) * _ALIGN
    header = {
        "record": asdict(site.record),
        "reads": [list(asdict(read).values()) for read in site.reads],
        "allele": site.allele,
        "output": _numbers(site.output),
        "given": _numbers(site.annotations),
        "typical": _numbers(site.typical),
        "runs": site.attribution.runs if site.attribution else 0,
        "arrays": layout,
    }
    text = json.dumps(header, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    text += b" " * (-(len(text) + 4) % _ALIGN)
    parts = [struct.pack("<I", len(text)), text]
    for array in arrays.values():
        content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        parts += [content, b"\0" * (-len(content) % _ALIGN)]
    return zlib.compress(b"".join(parts), 9)


def site_row(site: Site, rank: int, info_key: str) -> list[Any]:
    """A site's row of the list: COLUMNS, without what its blob holds."""
    record = site.record
    return [
        f"{record.name}:{record.carrier}" if record.carrier else record.name,
        record.carrier,
        record.contig,
        record.pos,
        record.ref,
        record.alt,
        site.kind,
        _number(site.score),
        site.label,
        len(site.reads),
        record.filter,
        record.qual,
        dict(record.info).get(info_key),
        rank,
    ]


def network_of(manifest: Manifest) -> dict[str, Any]:
    """What the page says of the network."""
    return {
        "name": manifest.name,
        "encoding": manifest.encoding,
        "window": manifest.window,
        "read_limit": manifest.read_limit,
        "annotations": manifest.annotations,
        "labels": manifest.labels,
        "info_key": manifest.info_key,
        "score": manifest.score,
        "read_letters": READ_LETTERS,
        "read_features": READ_SCALARS,
        "variant_features": VARIANT_FEATURES,
    }


def write_page(view: View, output: str, *, title: str, command: str) -> int:
    """Write the page of a view; its size in bytes. Errors: BadOutput, and those of the view."""
    need("", "jinja2")
    rows, blobs = [], []
    for site, rank in zip(view.sites, view.rank, strict=True):
        rows.append(site_row(site, int(rank), view.manifest.info_key))
        blobs.append(base64.b64encode(site_blob(site)).decode("ascii"))
    index = {
        "version": __version__,
        "command": command,
        "title": title,
        "network": network_of(view.manifest),
        "records": view.records,
        "columns": COLUMNS,
        "sites": rows,
    }
    script = _script()
    values = {
        "title": title,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "index": embedded_json(index),
        "blobs": blobs,
    }
    html = render(FOLDER, values)
    content = html.encode("utf-8", "replace")
    write_whole(output, content)
    return len(content)


def _script() -> str:
    return '"use strict";\n(() => {\n' + scripts(FOLDER, SCRIPTS) + "})();\n"


def _number(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _numbers(values: Any) -> list[float | None]:
    return [_number(value) for value in values]
