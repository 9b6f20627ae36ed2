"""Stage source: what lies outside of DVC's sight, fingerprinted, so that the stages that rest on it run again when it changes.

That is what stands at each data set's root, the recorded waves where they drive the phantom, the code that the programs of the
stages import, and that of the methods in use, which are found by their names and may be other packages'. DVC does not look there
by itself: it runs this stage every time (a second), and goes on only where a fingerprint is another one.
"""

from __future__ import annotations

import json

from flows.layout import METHOD, ROWS, SOURCE, data_root
from flows.running import run_stage
from flows.stage_code import write_code
from flows.stage_deps import read_stages
from tast.errors import TastError
from tast.files import holds, whole_file
from tast.fingerprint import write_sources
from tast.methods import code_of_method
from tast.params import Params, stage_params


def main() -> None:
    look_outside(stage_params("dataset", "download", "preprocess", "split", "train", "table"))


def look_outside(params: Params) -> None:
    """Write the fingerprints, and what each row of the table is trained with where there is one; a file that says so already is
    left as it is. Raises TastError where something is not there."""
    write_code(read_stages())
    write_sources(roots_of(params), SOURCE)
    try:
        method = {"method": params.train.method, "code": code_of_method(params.train.method)}
    except ValueError as error:
        raise TastError(f"params.yaml: train.method: {error}") from None
    text = json.dumps(method, indent=2) + "\n"
    if not holds(METHOD, text):
        with whole_file(METHOD) as part:
            part.write_text(text, encoding="utf-8")
    if params.table.protocols:
        from flows.tables.rows import row_named, write_rows  # torch, which they need, takes seconds to import

        write_rows([row_named(name, params) for name in params.table.methods], ROWS)
    else:
        ROWS.mkdir(parents=True, exist_ok=True)


def roots_of(params: Params) -> dict[str, str | None]:
    """Name of each data set -> what it is made from outside of the project; None for a simulated phantom and what is public."""
    phantom = params.download.phantom
    waves = phantom.recorded_root if phantom.driver == "recorded" else None
    roots = {source.name: waves if source.name == "phantom" else source.root for source in params.dataset.sources}
    return {name: None if root is None else data_root(root) for name, root in roots.items()}


if __name__ == "__main__":
    run_stage(main)
