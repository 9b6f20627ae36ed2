"""torch.export's archives without what is pickled in them.

Weights, constants and the graph lie there as plain bytes and JSON; only the example inputs are pickled, and where torch cannot
read those as tensors alone, it unpickles them as anything (2.13). Nobody needs them, and nothing at all in their place is read as
none. Of a pt2 that somebody else wrote that is no protection: nothing here loads one.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from tast.files import whole_file

EXAMPLES = "/sample_inputs/"


def drop_examples(archive: Path) -> None:
    """In place; nothing else of the archive is changed."""
    with whole_file(archive) as part, zipfile.ZipFile(archive) as before, zipfile.ZipFile(part, "w") as after:
        for entry in before.infolist():
            after.writestr(entry, b"" if EXAMPLES in entry.filename else before.read(entry))
