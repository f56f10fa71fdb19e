"""Exit 0 when this Python can make environments and compile extensions (its headers are here)."""

import ensurepip  # noqa: F401 - Debian leaves it out of the bare package
import sys
import sysconfig
import venv  # noqa: F401 - likewise
from pathlib import Path

if sys.version_info < (3, 11) or not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
    sys.exit(1)
