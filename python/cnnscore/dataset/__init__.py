"""Calls, windows and labels <-> Parquet: `cnnscore dataset`."""
