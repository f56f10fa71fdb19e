"""join_scripts.py FOLDER: each page's script as the browser gets it, in one file for the linter."""

import sys
from pathlib import Path

import cnnscore.report.html
import cnnscore.viewer.page

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, page in (("viewer", cnnscore.viewer.page), ("report", cnnscore.report.html)):
    parts = [(Path(str(page.__file__)).parent / script).read_text() for script in page.SCRIPTS]
    (folder / f"{name}.js").write_text("\n".join(parts))
