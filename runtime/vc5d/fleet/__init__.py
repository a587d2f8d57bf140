"""Several load balancers as one: docs/sharing.md, "The fleet's rules". What decides has no I/O and no clock:
time is passed in, in seconds of one monotonic clock."""
