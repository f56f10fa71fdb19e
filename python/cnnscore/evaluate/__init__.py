"""Calls, a truth set and confident regions -> how well each score tells true calls from false.

metrics.py counts, strata.py divides, labelled.py reads and labels, compared.py writes what was
compared, comparator.py lets vcfeval or hap.py do the comparing, run.py puts it together and
tables.py writes it down.
"""

SCHEMA = "cnnscore-evaluation/1"
"""The layout of a result, evaluation.json; docs/evaluate.md describes it."""
