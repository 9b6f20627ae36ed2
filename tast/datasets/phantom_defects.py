"""Defects of VIPL-HR as it is published, made on purpose in the phantom: one of each kind in turn over the sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tast.phantom.session import Session

MISSING_SOURCE, RETAKE = "missing source", "retake"  # made where the session is written: fewer and more folders

KEPT_OF_TRUNCATED = 0.7  # of the file's bytes
LOST_STAMPS = 0.1  # share of time.txt's lines: more than a reader can pardon


def damage(source: Path, defect: str) -> None:
    """Apply a defect to the files of one camera's folder; nothing for "" and for the defects of whole folders."""
    if defect in DAMAGES:
        DAMAGES[defect](source)


def defect_of(session: Session) -> str:
    """The defect whose turn it is: neighbouring sessions and subjects have different ones."""
    return DEFECTS[(session.subject + 3 * (session.number - 1) - 1) % len(DEFECTS)]


def _one_stamp_too_few(source: Path) -> None:
    _keep_lines(source / "time.txt", lambda lines: lines[:-1])


def _many_stamps_lost(source: Path) -> None:
    """Of the third camera alone: such a video cannot be used, the others of its session can."""
    if source.name == "source3":
        _keep_lines(source / "time.txt", lambda lines: lines[: round((1 - LOST_STAMPS) * len(lines))])


def _spo2_fault_codes(source: Path) -> None:
    _replace_readings(source / "gt_SpO2.csv", ("44", "127", "103.79"))


def _pulse_fault_code(source: Path) -> None:
    _replace_readings(source / "gt_HR.csv", ("255", "255"))


def _truncated_video(source: Path) -> None:
    if source.name == "source1":
        video = source / "video.avi"
        content = video.read_bytes()
        video.write_bytes(content[: round(KEPT_OF_TRUNCATED * len(content))])


def _keep_lines(path: Path, kept: Callable[[list[str]], list[str]]) -> None:
    if path.exists():
        path.write_text("".join(kept(path.read_text().splitlines(keepends=True))))


def _replace_readings(path: Path, codes: tuple[str, ...]) -> None:
    """Codes in place of every third reading, from the second on, below the header."""
    lines = path.read_text().splitlines()
    for line, code in zip(range(2, len(lines), 3), codes, strict=False):
        lines[line] = code
    path.write_text("".join(f"{line}\n" for line in lines))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "one stamp too few": _one_stamp_too_few,
    "many stamps lost": _many_stamps_lost,
    "SpO2 fault codes": _spo2_fault_codes,
    "pulse fault code": _pulse_fault_code,
    "truncated video": _truncated_video,
}
DEFECTS = ("", MISSING_SOURCE, *DAMAGES, RETAKE)
