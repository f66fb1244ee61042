"""What a graph costs: multiply-accumulates, memory, and the formulas with numbers filled in."""
