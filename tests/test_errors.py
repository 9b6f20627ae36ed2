"""An error is one line, whatever a file is called and whatever stands in it."""

from __future__ import annotations

import pytest

from tast.errors import BadInput, TastError, VideoRejected, one_line, shortened


@pytest.mark.parametrize(
    ("name", "shown"), [("a\nb.csv", r"a\nb.csv"), ("\x1b[31m", r"\x1b[31m"), ("\udcff", r"\udcff"), ("\u202eb", r"\u202eb")]
)
def test_names_of_files_are_shown_as_what_they_are(name: str, shown: str) -> None:
    for error in (BadInput(name, "empty", "a table"), VideoRejected(name, "no face"), TastError(f"{name}: no")):
        assert str(error).startswith(f"{shown}: ")
        assert str(error).isprintable()


def test_what_is_printable_stays_as_it_is() -> None:
    text = "é e\u0301 人 'a b': ± 2 %"
    assert one_line(text) == text and str(TastError(text)) == text


def test_what_a_library_says_in_lines_is_joined() -> None:
    assert str(BadInput("a.tar", "damaged\n  - method gz: no\n  - method xz: no", "an archive")) == (
        "a.tar: damaged - method gz: no - method xz: no; expected an archive"
    )


def test_a_book_in_a_cell_is_shortened() -> None:
    error = BadInput("a.csv", "y" * 100_000, "a number")
    assert len(str(error)) < 400 and error.found == "y" * 100_000
    assert shortened("abc", 10) == "abc"
