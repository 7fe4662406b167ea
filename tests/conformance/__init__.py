"""Every op of PyTorch's own test database, on its own sample inputs, in both libraries: see `docs/conformance.md`."""
