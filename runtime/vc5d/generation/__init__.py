"""A document as it lies in the maps: planned, filled, flipped, followed, and found again after a restart.

state       what user space knows of the maps' content
arena       where in an array something new fits
capacity    how big the maps are made
plan        old state + document -> what to write; pure
tables      a part of the plan: which tables keep their lines, which are written
fill        carries a plan out and flips
health      states of reals and the published lists of accepting ones
transition  ends transitions, scans flow tables
adopt       maps found pinned -> state
"""
