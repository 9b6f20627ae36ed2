"""The files of TAST's own project folder that a wheel holds too: `tast init` makes another project from them, and commands that
run outside of any take their parameters. Standard library only: setup.py runs this file to learn what the wheel takes along.
"""

from __future__ import annotations

from pathlib import Path

SHIPPED = (
    "params.yaml", "dvc.yaml", "prefect.yaml", "requirements.lock", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore",
    ".dvc/plots/agreement.json", ".dvc/plots/calibration.json", ".dvc/plots/curve.json", ".dvc/plots/identity.json",
)  # fmt: skip
IN_WHEEL = "files"  # the folder beside this file that the wheel has them in
CHECKOUT = Path(__file__).resolve().parents[2]
PIPELINE = "the pipeline (`pip install 'tast[pipeline]'`, or `make setup` in TAST's own folder)"  # the packages of that extra


def shipped(name: str) -> Path:
    """Where a file of SHIPPED lies: in the wheel that is installed, else in the checkout that this is."""
    inside = Path(__file__).parent / IN_WHEEL
    return (inside if inside.is_dir() else CHECKOUT) / name


def params_file() -> Path:
    """params.yaml of the folder that a command runs in; where there is none, the one that TAST comes with."""
    here = Path("params.yaml")
    return here if here.exists() else shipped("params.yaml")
