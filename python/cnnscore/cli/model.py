"""Import, list and describe networks.

  cnnscore model import gatk-4.6.0.0.jar     GATK's networks, from its jar, a folder, or a
                                             .hd5 + .json pair of CNNVariantTrain
  cnnscore model list [--names]              what is installed
  cnnscore model info MODEL                  what a network takes and gives, and where it is from
  cnnscore model card MODEL                  its model card: data, figures, limits (Markdown)

Networks live in $CNNSCORE_MODELS, by default in the user's data folder; some come with cnnscore.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cnnscore.cli.arguments import add_option
from cnnscore.errors import BadInput

if TYPE_CHECKING:
    from cnnscore.network.manifest import Manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    importing = actions.add_parser("import", help="convert GATK's Keras files to networks")
    importing.add_argument(
        "source", metavar="SOURCE", help="a GATK jar, a folder, an .hd5 or a .json"
    )
    importing.add_argument("--only", metavar="NAME", help="import this one of several")
    listing = actions.add_parser("list", help="networks installed")
    listing.add_argument("--names", action="store_true", help="only names; does not open the files")
    info = actions.add_parser("info", help="describe a network")
    add_option(info, "network")
    info.add_argument("--json", action="store_true", help="the manifest as JSON")
    card = actions.add_parser("card", help="the model card of a network")
    add_option(card, "network")


def run(options: argparse.Namespace) -> None:
    """Do what `options.action` says."""
    if options.action == "import":
        _import(Path(options.source), options.only)
    elif options.action == "list":
        _list(options.names)
    elif options.action == "card":
        _card(options.name)
    else:
        _info(options.name, options.json)


def _import(source: Path, only: str | None) -> None:
    from cnnscore.network.keras_import import import_networks
    from cnnscore.network.providers import DIRECT
    from cnnscore.network.store import install_model

    direct = import_networks(source, only=only, form=DIRECT)
    for network, other in zip(import_networks(source, only=only), direct, strict=True):
        path = install_model(network.name, network.onnx, {DIRECT: other.onnx})
        print(f"{network.name}\t{path}")


def _list(names_alone: bool) -> None:
    from cnnscore.network.store import installed_models

    for path in installed_models():
        if names_alone:
            print(_line(path.stem))
            continue
        try:
            manifest = _manifest(path)
        except BadInput as error:
            print(f"{_line(path.stem)}\tdamaged: {_line(str(error))}")
            continue
        row = (path.stem, manifest.encoding, manifest.info_key, str(path))
        print("\t".join(map(_line, row)))


def _info(name: str, as_json: bool) -> None:
    from dataclasses import asdict

    from cnnscore.network.cutoffs import cutoffs_text
    from cnnscore.network.store import find_model

    path = find_model(name)
    manifest = _manifest(path)
    if as_json:
        print(json.dumps(asdict(manifest), indent=2))
        return
    rows = {
        "name": manifest.name,
        "file": str(path),
        "encoding": manifest.encoding,
        "window": f"{manifest.window} bases",
        "reads": f"up to {manifest.read_limit}" if manifest.read_limit else "none",
        "annotations": " ".join(manifest.annotations),
        "labels": " ".join(manifest.labels),
        "score": manifest.score,
        "INFO key": manifest.info_key,
        "cut-offs": cutoffs_text(manifest.cutoffs, manifest.bare_cutoffs) or "none of its own",
        "cut-offs of CNN_SITE": cutoffs_text(manifest.site_cutoffs) or "none",
        **{f"source {key}": str(value) for key, value in manifest.source.items()},
    }
    width = max(map(len, rows))
    print("\n".join(f"{_line(key):<{width}}  {_line(value)}" for key, value in rows.items()))


def _line(text: str) -> str:
    """A text that somebody else chose, on one line: as it is, if that can be printed."""
    return text if text.isprintable() else repr(text)


def _card(name: str) -> None:
    from dataclasses import asdict

    from cnnscore.network.store import find_model
    from cnnscore.train.card import write_card

    path = find_model(name)
    manifest = asdict(_manifest(path))
    written = path.with_suffix(".md")
    if written.is_file():
        print(written.read_text(encoding="utf-8"), end="")
        return
    try:
        card = write_card(manifest, path.stat().st_size)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{path}: its manifest is not as `cnnscore train` writes it ({error!r}); a card cannot "
            "be made"
        ) from None
    print(card, end="")


def _manifest(path: Path) -> Manifest:
    from cnnscore.network.session import Session

    return Session(path, "cpu").manifest
