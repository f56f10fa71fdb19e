"""A scoring server and its clients: messages, a server as an engine, addresses, tokens."""
