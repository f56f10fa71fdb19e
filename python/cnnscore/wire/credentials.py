"""Files that say who may talk to a scoring server: a token, certificates."""

from __future__ import annotations

from pathlib import Path

from cnnscore.errors import BadInput

MIN_TOKEN = 16  # characters


def read_token(path: str) -> str:
    """The token in a file, without white space around it. Errors: BadInput."""
    token = read_file(path).decode("ascii", "replace").strip()
    if len(token) < MIN_TOKEN or not token.isprintable() or not token.isascii():
        raise BadInput(
            f"{path} must hold a token of at least {MIN_TOKEN} printable characters: make one "
            "with `openssl rand -hex 32`"
        )
    return token


def read_file(path: str) -> bytes:
    """Errors: BadInput that names it."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
