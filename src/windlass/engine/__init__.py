"""The data path: one module per step, and the worker that runs them (docs/architecture.md)."""
