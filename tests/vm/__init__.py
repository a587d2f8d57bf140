"""A command of the project in a virtual machine with one of Debian's own kernels (see __main__.py)."""
