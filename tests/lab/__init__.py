"""The lab: a whole installation in network namespaces, and the story that `make demo` tells in it."""
