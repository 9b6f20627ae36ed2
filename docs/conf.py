"""The site of these pages, by Sphinx: `make site`. The pages are docs/*.md as they stand; nothing is fetched from elsewhere.

`-t pages` leaves out what is read from docstrings, which imports all that is public, and what programs say of themselves.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx
from typer.cli import get_docs_for_click

from tast import __version__
from tast.cli.main import app

project = "TAST"
author = "The TAST developers"
copyright = author  # Sphinx's own name for it
version = release = __version__

extensions = ["myst_parser"]
if not tags.has("pages"):  # type: ignore[name-defined]  # noqa: F821  # Sphinx puts it here
    extensions.append("sphinx.ext.autodoc")
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True  # as they are written, without values that a machine would decide
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
smartquotes = False  # options begin with two hyphens
default_role = "literal"  # docstrings have their code in single backticks

myst_heading_anchors = 4
myst_links_external_new_tab = False
nitpick_ignore_regex = [(r"py:.*", r".*")]  # types of other libraries: their inventories lie elsewhere, and nothing is fetched

html_theme = "furo"
html_title = f"TAST {version}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}

PAGES = Path(__file__).parent
COMMANDS = "<!-- every command -->"
OPTIONS = "<!-- options of programs -->"
PROGRAMS = {  # what those commands start
    "tast ablate": ("flows.tables.ablate",),
    "tast table": ("benchmarks.table",),
    "tast benchmark": ("benchmarks",),
    "tast compare": ("flows.compare",),
    "tast rollback": ("flows.registry", "rollback"),
}
NAMED = re.compile(r"(?<!\]\()(?<![\w/\[`-])`?docs/([a-z_]+(?:/[a-z_]+)?)\.md`?(?![\w\]])")


def linked(text: str, page: str) -> str:
    """docs/NAME.md in a sentence becomes a link, which is checked; in code it stays as it is."""
    lines, in_code = [], False
    up = "../" * page.count("/")
    for line in text.splitlines():
        in_code ^= line.startswith("```")
        plain = in_code or line.startswith(("    ", "<!--"))
        lines.append(line if plain else NAMED.sub(rf"[docs/\1.md]({up}\1.md)", line))
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command of `tast` with its arguments and options, as `--help` has them."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="tast"), name="tast")
    return text[text.index("## `tast ") :]


def options() -> str:
    """What each of PROGRAMS says of itself, as it stands in a terminal."""
    shown = []
    for command, program in PROGRAMS.items():
        asked = [sys.executable, "-m", *program, "--help"]
        said = subprocess.run(
            asked, cwd=PAGES.parent, env={**os.environ, "COLUMNS": "100"}, check=True, capture_output=True, text=True
        )
        shown.append(f"## Options of `{command}`\n\n```text\n{said.stdout.strip()}\n```\n")
    return "\n".join(shown)


def read_page(site: Sphinx, page: str, source: list[str]) -> None:
    source[0] = linked(source[0], page)
    if COMMANDS in source[0]:
        source[0] = source[0].replace(COMMANDS, commands())
    if OPTIONS in source[0]:
        source[0] = source[0].replace(OPTIONS, "" if site.tags.has("pages") else options())
    if site.tags.has("pages"):
        source[0] = re.sub(r"^```\{eval-rst\}\n.*?^```$", "", source[0], flags=re.MULTILINE | re.DOTALL)


def without_markup(site: Sphinx, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain sentences, no markup but for their backticks: a star, a bar, a trailing underscore mean themselves."""
    for number, line in enumerate(lines):
        text = "".join(_escaped(part) for part in re.split(r"(`[^`]*`)", line.strip()))
        lines[number] = f"| {text}" if line.startswith("    ") else text  # what is indented keeps its lines


def _escaped(part: str) -> str:
    return f"`{part}`" if part.startswith("`") else re.sub(r"([*|\\]|_(?!\w))", r"\\\1", part)


def setup(site: Sphinx) -> None:
    site.connect("source-read", read_page)
    if not site.tags.has("pages"):
        site.connect("autodoc-process-docstring", without_markup)
