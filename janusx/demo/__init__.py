"""The demo: LeNet on handwritten digits, written imperatively, trained three ways: ``python -m janusx demo``."""
