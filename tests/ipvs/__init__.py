"""This load balancer beside the kernel's own, IPVS: the same frames, the same reals, the same machine."""
