"""Window batches over a socket: the messages, a server as an engine, where servers listen, who may come in."""
