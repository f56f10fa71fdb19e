"""Whether a data set holds what an encoding needs."""

from __future__ import annotations

from pathlib import Path

from cnnscore.dataset.parquet import Layout
from cnnscore.errors import BadInput
from cnnscore.network.encode import Encoding, PlaneSpec


def annotation_columns(layout: Layout, spec: PlaneSpec, path: Path) -> list[int]:
    """Columns of a data set's annotations that a network takes, in its order. Errors: BadInput."""
    missing = [key for key in spec.annotations if key not in layout.annotations]
    if missing:
        raise BadInput(
            f"{path} lacks the annotation {missing[0]}: make it again with "
            f"`info={','.join((*layout.annotations, *missing))}`"
        )
    return [layout.annotations.index(key) for key in spec.annotations]


def check_layout(layout: Layout, encoding: Encoding, spec: PlaneSpec, path: Path) -> None:
    """Errors: BadInput when a data set's windows are not what the encoding needs."""
    if spec.annotations_from not in encoding.annotations_from:
        raise BadInput(
            f"data.annotations_from {spec.annotations_from}: the encoding {encoding.name} takes "
            f"them from {' or '.join(encoding.annotations_from)}"
        )
    left, width = encoding.reference_columns(spec.window)
    if layout.reference_left < left or (
        layout.reference_width - layout.reference_left < width - left
    ):
        raise BadInput(
            f"{path} holds {layout.reference_left} columns before a site, and a window of "
            f"{spec.window} needs {left}: make it again with `window={spec.window}`"
        )
    if encoding.needs_reads and layout.read_rule != encoding.read_rule:
        was = "no reads" if layout.read_rule == "none" else f"reads by the rule {layout.read_rule}"
        raise BadInput(
            f"{path} holds {was}, and the encoding {encoding.name} takes the rule "
            f"{encoding.read_rule}: make it again with "
            f"`reads=` and `read_rule={encoding.read_rule}`"
        )
