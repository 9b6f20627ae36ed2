"""The command line `tast`: one file per group of commands, registered in main.py; imported by nobody."""
