"""Guards: the generated check-and-gather function and the staged flags."""
