"""Networks: windows as planes, the file and its manifest, running it, those of GATK."""
