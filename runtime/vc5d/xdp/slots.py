"""The parts of a slot's 16 bits (bpf/vc5.h): plain integers, to mask and shift whole arrays with."""

from __future__ import annotations

from .layout import SlotBits

OWNER = int(SlotBits.SLOT_REAL_MASK)  # index of the real in its service's block
STATE_SHIFT = int(SlotBits.SLOT_STATE_SHIFT)
SLOTS_PER_LINE = int(SlotBits.SLOTS_PER_LINE)
