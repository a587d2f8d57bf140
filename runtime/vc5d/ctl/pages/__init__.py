"""One page for each thing to look at: from vc5d's answer to text, and to JSON of a stable shape."""
