"""The only place that runs git or speaks its protocol."""
