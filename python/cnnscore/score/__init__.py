"""Window batches -> scores, written into a call file: `cnnscore score`."""
