"""Speed of converted programs against what an expert writes by hand. Run with ``python -m benchmarks``."""
