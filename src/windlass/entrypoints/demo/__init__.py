"""`windlass demo`: everything on one machine, and the main job as a story."""
