"""Stage source: a fingerprint of what the download stage reads outside of the project, so that it runs again when that changes.

That is what lies at each data set's root, and the recorded waves where they drive the phantom. DVC does not look there by itself:
it runs this stage every time (a fraction of a second), and goes on to download only where the fingerprint is another
one.
"""

from __future__ import annotations

from flows.layout import SOURCE, data_root
from flows.running import run
from tast.fingerprint import write_sources
from tast.params import Params, stage_params


def main() -> None:
    write_sources(roots_of(stage_params("dataset", "download")), SOURCE)


def roots_of(params: Params) -> dict[str, str | None]:
    """Name of each data set -> what it is made from outside of the project; None for a simulated phantom and what is public."""
    phantom = params.download.phantom
    waves = phantom.recorded_root if phantom.driver == "recorded" else None
    roots = {source.name: waves if source.name == "phantom" else source.root for source in params.dataset.sources}
    return {name: None if root is None else data_root(root) for name, root in roots.items()}


if __name__ == "__main__":
    run(main)
