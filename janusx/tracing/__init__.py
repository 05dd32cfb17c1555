"""The trace that is being made: its context, its inputs, guards and regions."""
