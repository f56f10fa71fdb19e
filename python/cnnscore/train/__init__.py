"""Labelled windows -> a network: data sets, architectures, the loop, and what it ends in.

Uses the windows and encodings of scoring. `dataset` and `label` need pyarrow alone; the rest needs
PyTorch. Both come with the `train` extra.
"""
