"""`vc5ctl trace`: filter words in, paragraphs, JSON or a capture file out."""
