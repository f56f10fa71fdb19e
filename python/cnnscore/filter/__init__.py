"""Scored records -> FILTER: `cnnscore filter`."""
