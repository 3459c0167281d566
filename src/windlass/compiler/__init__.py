"""From YAML text to values: text in, values and findings out. No I/O."""
