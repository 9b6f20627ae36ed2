"""What the doctor's tests must not depend on."""

from __future__ import annotations

import pytest

from tast.doctor import machine


@pytest.fixture
def any_disk_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else runs or lies on the machine of the tests is no fault of the code: no disk is too full, no memory too small."""
    monkeypatch.setattr(machine, "NEEDED_DISK_GB", 0)
    monkeypatch.setattr(machine, "NEEDED_MEMORY_GB", 0)
