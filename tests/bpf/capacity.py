"""Maps of vc5d's own, as small as its tests like them."""

from vc5d.xdp.maps import Capacity

CAPACITY = Capacity(
    positions4=32,
    positions6=32,
    displacement_lines=2,
    slots_lines=256,
    reals=256,
    services=16,
    accepting_lines=32,
    flows=4096,
    sessions=4096,
)
