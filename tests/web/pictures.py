"""pictures.py FOLDER: viewer.png and report.png of the documentation, made anew in Chromium.

Both are of the synthetic data and the bundled network over reads, as docs/tasks/viewer.md and
evaluate.md say. `make pictures` puts them where they stand.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

DATA = Path(__file__).parents[1] / "data" / "synthetic"
CALLS, READS, REF, TRUTH = (
    str(DATA / name) for name in ("calls.vcf.gz", "reads.bam", "ref.fa", "truth.vcf.gz")
)
WIDTH, COLOURS = 1400, 128


def run(*command: object) -> None:
    subprocess.run(
        [sys.executable, "-m", "cnnscore", *map(str, command), "--quiet"],
        check=True,
        stderr=subprocess.DEVNULL,
    )


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        view, scored, evaluation = (
            Path(scratch, name) for name in ("view.html", "scored.vcf.gz", "evaluation")
        )
        inputs = ("-R", REF, "-I", READS)
        run("view", CALLS, *inputs, "--truth", TRUTH, "--worst", 16, "-o", view)
        run("score", CALLS, *inputs, "-o", scored)
        run("evaluate", scored, "--truth", TRUTH, "-R", REF, "-o", evaluation)
        browser = playwright.chromium.launch(
            executable_path=os.environ["CNNSCORE_CHROMIUM"], args=["--no-sandbox", "--disable-gpu"]
        )
        for file, ready, height, name in (
            (view, "body[data-site]", 900, "viewer.png"),
            (evaluation / "report.html", "html[data-ready]", 1000, "report.png"),
        ):
            page = browser.new_page(viewport={"width": WIDTH, "height": height})
            page.goto(file.as_uri())
            page.wait_for_selector(ready)
            page.wait_for_timeout(500)  # what was asked for is drawn
            picture = Image.open(io.BytesIO(page.screenshot()))
            picture.convert("RGB").quantize(COLOURS).save(folder / name, optimize=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
