"""Settings in, configuration of other programs out. Text and data only."""
