"""Functions that recurse over Python structures: the host walks, one compiled program computes (docs/design/0011)."""
