"""The tests of explanations."""
