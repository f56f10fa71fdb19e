"""Real reads with planted truth: one BAM -> labelled calls, without a truth set."""
