"""Reports of the gate in the formats that people and their tools read."""
