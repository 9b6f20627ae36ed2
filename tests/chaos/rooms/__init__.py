"""A room for each kind of fault: a module with `run(tries: Tries) -> Iterator[Outcome]`. ROOMS in __main__.py lists them."""
