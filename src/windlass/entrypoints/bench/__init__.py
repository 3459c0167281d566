"""`windlass bench`: figures beside a peer in the same run (docs/benchmarks.md)."""
