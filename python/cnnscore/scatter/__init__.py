"""Call files in shards: cut, scored by many processes, gathered."""
