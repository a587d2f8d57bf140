"""The plan's tests."""
