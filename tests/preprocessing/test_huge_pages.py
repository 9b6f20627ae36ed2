from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tast.preprocessing.align import watch_face
from tast.preprocessing.huge_pages import HUGE_PAGE_BYTES, MAPS, collapse_heap
from tests.preprocessing import scene


def landmarks_px() -> list[npt.NDArray[np.complex128]]:
    watched = watch_face(scene.film(scene.still(0.2)), detect_every_s=1.0)
    return [face.landmarks_px for _, _, face in watched if face is not None]


def test_what_the_models_say_does_not_depend_on_it() -> None:
    before = landmarks_px()
    agreed = collapse_heap()
    assert agreed % HUGE_PAGE_BYTES == 0
    after = landmarks_px()
    assert len(before) == 6
    np.testing.assert_array_equal(np.stack(before), np.stack(after))


def test_it_can_be_asked_for_anywhere() -> None:
    """The heap of a process with the models has more than 64 MB; a kernel that does not know the request refuses, and no more."""
    landmarks_px()
    agreed = collapse_heap()
    assert agreed == 0 or (MAPS.is_file() and agreed > 64 << 20)
