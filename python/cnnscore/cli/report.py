"""Write the page of an evaluation: curves, thresholds, strata, calibration, mistakes.

`cnnscore evaluate` has written one already; this writes it again, and figures for papers. The page
is one file that loads nothing: it can be mailed, and opened offline.

Needs `pip install 'cnnscore[evaluate]'`.

Examples:
  cnnscore report evaluation --viewer ../view.html --title "NA12878, run 7" -o report.html
  cnnscore report evaluation --figures figures --format svg
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cnnscore.cli.arguments import add_option
from cnnscore.errors import UsageError
from cnnscore.extras import need


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "evaluation", metavar="EVALUATION", help="folder or evaluation.json of `cnnscore evaluate`"
    )
    add_option(parser, "output", metavar="HTML", help="the page")
    add_option(parser, "viewer")
    add_option(parser, "title")
    add_option(
        parser,
        "tranche-table",
        help="what `cnnscore filter --tranche-table` wrote, for the page to show",
    )
    parser.add_argument("--multiqc", metavar="JSON", help="a section for MultiQC: NAME_mqc.json")
    parser.add_argument("--figures", metavar="DIR", help="folder for figures of all charts")
    parser.add_argument(
        "--format", choices=["svg", "png", "pdf"], default="svg", help="format of the figures [svg]"
    )
    add_option(parser, "quiet")


def run(options: argparse.Namespace) -> None:
    """Write what is asked for."""
    from cnnscore.report.multiqc import MULTIQC_SUFFIX, multiqc_section

    if not (options.output or options.multiqc or options.figures):
        raise UsageError("nothing to write: give -o, --figures or --multiqc")
    if options.multiqc and not Path(options.multiqc).name.endswith(MULTIQC_SUFFIX):
        raise UsageError(
            f"MultiQC finds a section by its name: give one ending in {MULTIQC_SUFFIX}"
        )
    if options.output:
        need("evaluate", "jinja2", "plotly")
    if options.figures:
        need("evaluate", "matplotlib")
    from cnnscore.evaluate.tables import read_result
    from cnnscore.files import aside_folder, undisturbed, write_whole, writing

    result = read_result(options.evaluation)
    texts: dict[str, str] = {}
    if options.output:
        from cnnscore.report.html import page, read_tranche_table

        table = read_tranche_table(options.tranche_table) if options.tranche_table else ()
        texts[options.output] = page(
            result, viewer=options.viewer, title=options.title, tranche_table=table
        )
    if options.multiqc:
        texts[options.multiqc] = json.dumps(multiqc_section(result)) + "\n"
    with undisturbed():
        for path, text in texts.items():
            write_whole(path, text.encode())
    written = list(texts)
    if options.figures:
        from cnnscore.report.static import write_figures

        with aside_folder(options.figures) as folder, writing(options.figures):
            figures = write_figures(result, folder, options.format)
        written.append(f"{len(figures):,} figures in {options.figures}")
    if not options.quiet:
        print(f"cnnscore: written: {', '.join(written)}", file=sys.stderr)
