"""A helper module: what one dollar is worth in euros."""

EUR_PER_USD = 0.90
