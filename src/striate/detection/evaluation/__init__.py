"""How good a detector is: what it finds against boxes that people drew."""
