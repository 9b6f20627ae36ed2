"""Stage source: a fingerprint of what lies at dataset.root, so that the download stage runs again when files there change.

DVC does not look outside of the project by itself: it runs this stage every time (no Prefect, a fraction of a second), and goes
on to download only where the fingerprint is another one.
"""

from __future__ import annotations

import sys

from flows.layout import SOURCE
from tast.errors import TastError
from tast.fingerprint import write_source
from tast.params import load_params


def main() -> None:
    try:
        write_source(load_params().dataset.root, SOURCE)
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
