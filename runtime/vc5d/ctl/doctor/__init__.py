"""`vc5ctl doctor`: what of this host is wrong for vc5d, why that matters, and the command that mends it.

gather.py reads the host once, changing nothing; each other module judges a part of what was read, and returns
findings. So a judgement is a function of facts, and tests give it others.
"""
