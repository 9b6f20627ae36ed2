"""dvc.lock as somebody else may have left it."""

from __future__ import annotations

import pytest

from tast.errors import BadInput
from tast.tracking.lock import stage_key

DAMAGED = {
    "cut off": "schema: '2.0'\nstages:\n  a: {cmd: 'x\n",
    "a number for the stages": "stages: 5\n",
    "a list": "- a\n",
    "a number for a stage": "stages:\n  train: 7\n",
    "a byte that is no text": "a: \x00\n",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_lock_that_dvc_did_not_write_is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(BadInput, match=r"^dvc\.lock: .*; expected what DVC wrote") as raised:
        stage_key(text)
    assert "\n" not in str(raised.value)
