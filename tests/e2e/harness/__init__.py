"""What the end-to-end tests are made of: the daemon under test, a client, receivers, a name server."""
