"""Training: data sets, networks, the loop."""
