"""What Python callers hold: files in, tables out. `cnnscore` itself names all of it."""
