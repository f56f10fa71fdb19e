"""Networks on disk: an ONNX file each, with its manifest in the file's metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from cnnscore.description import LABELS, SITE_KEY, Description
from cnnscore.errors import BadInput
from cnnscore.network.cutoffs import (
    BareCutoffs,
    Cutoffs,
    bare_cutoffs_of_manifest,
    cutoffs_of_manifest,
    cutoffs_text,
)
from cnnscore.network.encode import ENCODINGS, Encoding, PlaneSpec

MANIFEST_KEY = "cnnscore.manifest"
SCHEMA = 1
# Score formulas (engine.py), and the graph's output that they read.
SCORES = {"gatk-log-odds": "probabilities", "log-odds": "log_odds"}
MAX_WINDOW, MAX_READS = 4096, 4096
MAX_DEPTH = 32


@dataclass(frozen=True)
class Manifest:
    """What a network takes and gives, as its file says."""

    name: str
    encoding: str
    window: int
    """Columns."""
    read_limit: int
    """Most reads per site, 0 for an encoding without reads."""
    annotations: tuple[str, ...]
    """INFO keys in input order."""
    labels: tuple[str, ...]
    """Classes in output order; none where the output is the score itself."""
    score: str
    """Name of the formula, see engine.py."""
    info_key: str
    info_description: str
    source: dict[str, Any]
    """Where the weights come from: file, SHA-256, and what else is known."""
    cutoffs: Cutoffs = field(default_factory=dict)
    """The score that a percentage (the level) of true calls reaches, by type; may be empty."""
    bare_cutoffs: BareCutoffs = field(default_factory=BareCutoffs)
    """Those of calls without the caller's annotations, where these were apart."""
    site_cutoffs: Cutoffs = field(default_factory=dict)
    """Those of a cohort's sites, INFO/CNN_SITE; may be empty."""
    training: dict[str, Any] = field(default_factory=dict)
    """Data, configuration, code version and metrics of `cnnscore train`; else empty."""

    @property
    def encoder(self) -> Encoding:
        """The encoding itself."""
        return ENCODINGS[self.encoding]

    def cutoffs_of(self, key: str) -> tuple[Cutoffs, BareCutoffs]:
        """Those of the scores in INFO `key`: a cohort's sites have their own."""
        if key == SITE_KEY:
            return self.site_cutoffs, BareCutoffs()
        return self.cutoffs, self.bare_cutoffs

    def description(
        self, provider: str, network: str, sites_per_job: int, annotations_from: str | None = None
    ) -> Description:
        """What callers must know of it, on a provider; `network` is the SHA-256 of its file.
        Annotations come from their default source, if none is named.
        """
        left, width = self.encoder.reference_columns(self.window)
        return Description(
            model=self.name,
            encoding=self.encoding,
            info_key=self.info_key,
            info_description=self.info_description,
            provider=provider,
            window=self.window,
            read_limit=self.read_limit,
            read_rule=self.encoder.read_rule,
            reference_left=left,
            reference_width=width,
            sites_per_job=sites_per_job,
            annotations=self.annotations,
            network=network,
            cutoffs=cutoffs_text(self.cutoffs, self.bare_cutoffs, self.site_cutoffs),
            annotations_from=annotations_from or self.encoder.annotations_from[0],
        )

    def planes(self, annotations_from: str | None = None) -> PlaneSpec:
        """What the encoding is asked for; annotations from its default source, if none is named."""
        source = annotations_from or self.encoder.annotations_from[0]
        return PlaneSpec(self.window, self.annotations, source)


def parse_manifest(text: str | None, file: str) -> Manifest:
    """Check a manifest's JSON. Errors: BadInput naming `file` and the field."""
    if not text:
        raise BadInput(
            f"{file} has no cnnscore manifest: `cnnscore model import` makes networks that have one"
        )
    try:
        raw = json.loads(text)
        _check_plain(raw)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{file}: its manifest is not JSON ({error}); import the network again"
        ) from None

    def field(name: str, kind: type | tuple[type, ...]) -> Any:
        value = raw.get(name) if isinstance(raw, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadInput(f"{file}: manifest field {name!r} is missing or wrong; import it again")
        return value

    def strings(name: str) -> tuple[str, ...]:
        values = field(name, list)
        if not all(isinstance(value, str) for value in values):
            raise BadInput(f"{file}: manifest field {name!r} must list strings; import it again")
        return tuple(values)

    if field("schema", int) != SCHEMA:
        raise BadInput(
            f"{file}: manifest schema {raw['schema']}, this cnnscore knows {SCHEMA}: "
            "upgrade cnnscore or import the network again"
        )
    cutoffs, bare_cutoffs, site_cutoffs = _all_cutoffs(raw, file)
    manifest = Manifest(
        name=field("name", str),
        encoding=field("encoding", str),
        window=field("window", int),
        read_limit=field("read_limit", int),
        annotations=strings("annotations"),
        labels=strings("labels"),
        score=field("score", str),
        info_key=field("info_key", str),
        info_description=field("info_description", str),
        source=field("source", dict),
        cutoffs=cutoffs,
        bare_cutoffs=bare_cutoffs,
        site_cutoffs=site_cutoffs,
        training=field("training", dict) if "training" in raw else {},
    )
    problem = _problem(manifest)
    if problem:
        raise BadInput(f"{file}: {problem}; upgrade cnnscore or import the network again")
    return manifest


def _check_plain(raw: Any) -> None:
    """Errors: ValueError for what is nested deeply, or has text that no file can hold."""
    level = [raw]
    for _ in range(MAX_DEPTH):
        for value in level:
            if isinstance(value, str):
                value.encode()  # no half of a surrogate pair
        inner = [list(value) + list(value.values()) for value in level if isinstance(value, dict)]
        inner += [value for value in level if isinstance(value, list)]
        level = [value for values in inner for value in values]
        if not level:
            return
    raise ValueError("nested too deeply")


def _all_cutoffs(raw: dict[str, Any], file: str) -> tuple[Cutoffs, BareCutoffs, Cutoffs]:
    name = "cutoffs"
    try:
        cutoffs = cutoffs_of_manifest(raw.get(name, {}))
        name = "site_cutoffs"
        of_sites = cutoffs_of_manifest(raw.get(name, {}))
        name = "bare_cutoffs"
        if name not in raw:
            return cutoffs, BareCutoffs(), of_sites
        return cutoffs, bare_cutoffs_of_manifest(raw[name], cutoffs), of_sites
    except ValueError as fault:
        raise BadInput(f"{file}: manifest field {name!r} {fault}; make the network again") from None


def _problem(manifest: Manifest) -> str | None:
    if manifest.encoding not in ENCODINGS:
        return f"unknown encoding {manifest.encoding!r}"
    if not 1 <= manifest.window <= MAX_WINDOW:
        return f"window {manifest.window} is not within 1-{MAX_WINDOW}"
    low = 1 if manifest.encoder.needs_reads else 0
    if not low <= manifest.read_limit <= MAX_READS:
        return f"read limit {manifest.read_limit} is not within {low}-{MAX_READS}"
    if manifest.score not in SCORES:
        return f"unknown score formula {manifest.score!r}"
    wanted = set(LABELS) if manifest.score == "gatk-log-odds" else set()
    if set(manifest.labels) != wanted or len(manifest.labels) != len(wanted):
        names = ", ".join(sorted(wanted)) or "none"
        return f"labels {', '.join(manifest.labels) or 'none'}, and not {names}"
    fault = manifest.description("cpu", "", 1).fault()
    return f"its manifest makes no sense: {fault}" if fault else None
