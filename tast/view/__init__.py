"""`tast view`: one page over a project folder, on this machine."""
