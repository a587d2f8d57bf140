"""Documents and packets for tests, made without vc5c and without the kernel."""
