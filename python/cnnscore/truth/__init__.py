"""Calls against a truth set: normalised alleles, confident regions, labels."""
