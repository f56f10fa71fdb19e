"""Second readings of the rules, in plain Python, and what other tools answered."""
