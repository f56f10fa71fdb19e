"""`cnnscore serve`: one network for many processes."""
