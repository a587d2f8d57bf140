"""Fuzzing by coverage, with atheris: `make fuzz`."""
