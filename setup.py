"""What pyproject.toml cannot say: the wheel takes along the files of this folder that `tast init` makes a project from."""

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

STARTER = Path("tast/starter")
NAMES = runpy.run_path(str(STARTER / "shipped.py"))


class WithProjectFiles(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # they lie beside the code
            return
        for name in NAMES["SHIPPED"]:
            target = Path(self.build_lib) / STARTER / NAMES["IN_WHEEL"] / name
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(name, str(target))


setup(cmdclass={"build_py": WithProjectFiles})
