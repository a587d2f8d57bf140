"""Into bigger maps: what outlives a generation, copied so that a new program can take the old one's place by
one atomic update of each link.

Places of tables, reals and services stay what they are, so the old `State` describes the new maps too, and
the document that did not fit is planned and filled as ever: its flip is the first that the new maps see.
"""

from __future__ import annotations

import numpy as np

from ..maps import Maps
from ..stores import FLOW_KINDS

_KEPT = ("slots", "reals", "service_states", "accepting")


def copy_arrays(old: Maps, new: Maps) -> None:
    """Tables, reals and lists, at the same indexes. No generation is live in `new` yet."""
    for name in _KEPT:
        source = getattr(old, name)
        getattr(new, name)[: len(source)] = source


def copy_flows(old: Maps, new: Maps) -> None:
    """Takes over every flow that `new` does not have at least as fresh. Called before the new program takes
    over, and once more after it for what the old one stored in between."""
    for which in FLOW_KINDS:
        keys, values = old.read_flows4(which)
        there, fresher = new.read_flows4(which)
        known = {key.tobytes(): int(last) for key, last in zip(there, fresher["last_ns"], strict=True)}
        if known:
            last = values["last_ns"].tolist()
            keep = np.array(
                [known.get(k.tobytes(), -1) < t for k, t in zip(keys, last, strict=True)], np.bool_
            )
            keys, values = keys[keep], values[keep]
        new.write_flows4(which, keys, values)
