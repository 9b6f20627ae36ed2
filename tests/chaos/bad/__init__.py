"""Bad input, made on purpose: mutators, the parsers that get it, and what of each is right. For the room bad_input."""
