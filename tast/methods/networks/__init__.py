"""Parts of networks that several methods share. They know torch only."""
