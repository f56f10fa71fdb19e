"""Call files, reads and reference, by htslib: records in and out, windows around sites."""
