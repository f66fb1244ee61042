"""Tables, explanations and comparisons as text, on terminals and as a chart."""
