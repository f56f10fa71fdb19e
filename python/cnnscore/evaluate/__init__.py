"""Calls, a truth set and confident regions -> how well each score tells true calls from false.

labelled.py reads and labels the calls, strata.py divides them, metrics.py counts; filters.py says
what PASS keeps of them. influence.py, blocks.py and intervals.py say how sure a figure is, and
figures.py puts all of this together. compared.py writes what was compared. comparator.py lets
vcfeval or hap.py compare. run.py does the whole, and tables.py writes the result.
"""

SCHEMA = "cnnscore-evaluation/4"
"""The layout of a result, evaluation.json; docs/tasks/evaluate.md describes it."""
