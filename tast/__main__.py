"""`python -m tast` is the console script `tast`."""

from tast.cli import main

main()
