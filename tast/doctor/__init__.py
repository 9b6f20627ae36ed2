"""Is this machine, and is this project folder, ready? What is lacking, and what to do about it."""
