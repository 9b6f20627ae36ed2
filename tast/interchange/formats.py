"""The formats of predictions for others, by the names that `tast predict --format` takes; their packages are an extra."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tast.errors import TastError

if TYPE_CHECKING:
    from tast.prediction.trace import PredictedTrace

EXTRA = "`pip install 'tast[interchange]'`, or `make setup` in TAST's own folder"


@dataclass(frozen=True)
class Exchange:
    """ending: of the file's name. module: which holds the function that writes it. package: that it needs."""

    ending: str
    module: str
    function: str
    package: str

    def writer(self) -> Callable[[Path, PredictedTrace], None]:
        """Writes a trace as this. Raises TastError, which says what to install, where the package is not there."""
        try:
            import_module(self.package)
        except ModuleNotFoundError:
            raise TastError(f"{self.package}: no such package installed; expected those of {EXTRA}") from None
        write: Callable[[Path, PredictedTrace], None] = getattr(import_module(self.module), self.function)
        return write


FORMATS = {
    "edf": Exchange("edf", "tast.interchange.edf", "write_edf", "edfio"),
    "fhir": Exchange("fhir.json", "tast.interchange.fhir", "write_r4", "fhir.resources"),
    "fhir-r5": Exchange("fhir-r5.json", "tast.interchange.fhir", "write_r5", "fhir.resources"),
}
