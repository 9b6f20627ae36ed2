"""`tast completion`: the script by which a shell completes commands, options and their values."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Whose script.")]) -> None:
    """Print the script that completes commands, options and values with TAB; `tast --install-completion` installs it for good.

    Examples:

    `source <(tast completion bash)`

    `tast completion zsh > ~/.zfunc/_tast`

    `tast completion fish > ~/.config/fish/completions/tast.fish`
    """
    typer.echo(get_completion_script(prog_name="tast", complete_var="_TAST_COMPLETE", shell=shell.value))
