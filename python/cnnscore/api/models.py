"""The networks that are installed."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from cnnscore.errors import BadInput
from cnnscore.html import html_table
from cnnscore.network.session import Session
from cnnscore.network.store import installed_models

log = logging.getLogger("cnnscore")


@dataclass(frozen=True)
class Model:
    """A network. `cnnscore.open(model.name)` opens it."""

    name: str
    file: str
    encoding: str
    """How it sees a site (docs/reference/encodings.md)."""
    needs_reads: bool
    annotations: tuple[str, ...]
    """INFO keys that it takes."""
    info_key: str
    """Of its score."""

    def _repr_html_(self) -> str:
        return html_table({name: [value] for name, value in vars(self).items()})


def installed() -> list[Model]:
    """By name; a damaged file is warned of, and left out."""
    found = []
    for path in installed_models():
        try:
            manifest = Session(path, "cpu").manifest
        except BadInput as error:
            log.warning("%s", error)
            continue
        reads = manifest.encoder.needs_reads
        annotations = tuple(manifest.annotations)
        found.append(
            Model(path.stem, str(path), manifest.encoding, reads, annotations, manifest.info_key)
        )
    return found
