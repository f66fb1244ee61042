"""Pictures of shapes, drawn from a seed: every answer is known exactly, on every machine alike."""
