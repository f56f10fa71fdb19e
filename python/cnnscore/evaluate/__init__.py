"""Calls, a truth set and confident regions -> how well each score tells true calls from false.

labelled.py reads and labels, strata.py divides, metrics.py counts; influence.py, blocks.py and
intervals.py say how sure a figure is, figures.py puts these together. compared.py writes what was
compared, comparator.py lets vcfeval or hap.py do the comparing, run.py is the whole, and tables.py
writes it down.
"""

SCHEMA = "cnnscore-evaluation/3"
"""The layout of a result, evaluation.json; docs/evaluate.md describes it."""
