"""The XDP program and its maps, as Python sees them: loaded, pinned, attached, read and written."""
