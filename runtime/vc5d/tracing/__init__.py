"""`vc5ctl trace`: what the XDP program decides about packets, told while somebody listens.

The object is loaded a second time with `tracing` set, over the same maps, and comes onto the interfaces by
one atomic update of each link while there is a tracer; then the plain program is put back (standin.py). It
tells by a ring buffer (ring.py) of the packets that a tracer's filter matches (wanted.py); events get
names (events.py) and go out over the control socket (tracers.py). Nothing here can hold up vc5d: a limit of
events a second in the program, of what is read at a time, and of what waits for a slow tracer; what is lost
is counted and told.
"""
