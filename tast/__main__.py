"""`python -m tast` is the console script `tast`."""

from tast.cli.main import main

main()
