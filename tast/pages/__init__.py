"""What all pages and pictures share: one look, one way to write numbers."""
