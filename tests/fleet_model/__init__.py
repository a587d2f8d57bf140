"""A fleet in plain Python: several load balancers, their control planes, the network between them, reals and
flows. What a packet meets is tests/bpf/model; what the fleet decides is vc5d.fleet itself, no copy of it."""
