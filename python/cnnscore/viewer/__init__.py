"""Chosen sites, as their network saw them: `cnnscore view`."""
