"""Where networks lie: those that come with cnnscore, and those that were imported or trained."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cnnscore.errors import BadInput, BadOutput
from cnnscore.files import write_whole, writing

IMPORT_HINT = (
    "fetch GATK's jar with `mvn dependency:copy -Dartifact=org.broadinstitute:gatk:4.6.0.0 "
    "-DoutputDirectory=.`, then run `cnnscore model import gatk-4.6.0.0.jar`"
)


def models_folder() -> Path:
    """Where imported networks live: $CNNSCORE_MODELS, else the user's data folder."""
    chosen = os.environ.get("CNNSCORE_MODELS")
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "cnnscore" / "models"


def bundled_folder() -> Path:
    """Where the networks lie that come with cnnscore, each with its card."""
    return Path(__file__).parents[1] / "models"


def default_model(has_reads: bool) -> str:
    """The network that is taken when none is named: a bundled one."""
    return "reads" if has_reads else "reference"


def find_model(name: str) -> Path:
    """The file of a network: a path to an .onnx, the name of one that comes with cnnscore, or a
    name in the models folder.

    Errors: BadInput that says how to get one of GATK's, or which names there are.
    """
    if name.endswith(".onnx") or "/" in name:
        if not os.path.isfile(name):  # noqa: PTH113 - says no where Path raises: a name too long
            raise BadInput(
                f"no network at {name}: give a file, or a name that `cnnscore model list` shows"
            )
        return Path(name)
    for folder in (bundled_folder(), models_folder()):
        path = folder / f"{name}.onnx"
        if os.path.isfile(path):  # noqa: PTH113 - as above
            return path
    if name.startswith("gatk-"):
        raise BadInput(f"the network {name} is not installed in {models_folder()}: {IMPORT_HINT}")
    known = ", ".join(path.stem for path in installed_models()) or "none"
    raise BadInput(f"no network named {name} in {models_folder()} (installed: {known})")


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex: what the header of a scored file names its network by. Errors:
    BadInput.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def installed_models() -> Iterator[Path]:
    """Files of networks that have a name, by name."""
    found: dict[str, Path] = {}
    for folder in (models_folder(), bundled_folder()):
        if folder.is_dir():
            found |= {path.stem: path for path in folder.glob("*.onnx")}
    return iter(found[name] for name in sorted(found))


def form_path(path: Path, form: str) -> Path:
    """Where the graph of the network at `path` lies in another form (keras_graph.py)."""
    return path.parent / form / path.name


def install_model(name: str, content: bytes, forms: Mapping[str, bytes] | None = None) -> Path:
    """Write a network into the models folder, with its graph's other forms, each whole or not at
    all.

    Errors: BadOutput, BadInput for the name of one that comes with cnnscore.
    """
    if (bundled_folder() / f"{name}.onnx").is_file():
        raise BadInput(
            f"{name} is the name of a network that comes with cnnscore: give the .hd5 and .json "
            "another name"
        )
    path = models_folder() / f"{name}.onnx"
    try:
        files = {form_path(path, form): graph for form, graph in (forms or {}).items()}
        for file, graph in {**files, path: content}.items():
            with writing(file):
                file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, graph)
    except BadOutput as error:
        raise BadOutput(f"{error}; $CNNSCORE_MODELS names another folder") from None
    return path
