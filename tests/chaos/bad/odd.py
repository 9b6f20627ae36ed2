"""The odd videos, folders and files of room odd_media, and what must come of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bad import films
from tests.datasets.layouts import write_pure_session, write_recording
from tests.prediction.conftest import write_film

SPARSE_BYTES = 10 * 10**9
PREDICT = ("predict", "IN", "--model", "MODEL", "--out", "OUT", "--workers", "1", "--memory-gb", "0")
ODD_NAMES = (
    "a b",
    'it\'s "q"',
    "a\nb",
    "tab\there",
    "\u00e9",
    "e\u0301",
    "\x1b[31mred",
    "-x",
    "--help",
    "%s{0}",
    "\u202egpj",
    "\udcff",
    "n" * 240,
    " ",
    "x[1]",
    "[bold]",
    "\U0001f600",
    "a,b;c",
    "*",
    "$HOME",
    "con",
)
DEEP = 1100  # folders, one within the other


@dataclass(frozen=True)
class Case:
    """name, expected: in words. make(folder): the input. command: of `tast`; IN is the folder, OUT one that is not there yet,
    MODEL that of a saved model. says: a pattern that so many `lines` of the output hold. code: its exit code. tables: that it
    writes.
    """

    name: str
    expected: str
    make: Callable[[Path], object]
    says: str
    command: tuple[str, ...] = PREDICT
    code: int = 1
    tables: int = 0
    lines: int = 1


def _empty(folder: Path) -> None:
    (folder / "a.mp4").touch()


def sparse(name: str, head: bytes = b"") -> Callable[[Path], None]:
    """10 GB of zeros, none of which is on the disk, behind a true beginning."""

    def make(folder: Path) -> None:
        (folder / name).write_bytes(head)
        os.truncate(folder / name, SPARSE_BYTES)

    return make


def _odd_names(folder: Path) -> None:
    for name in ODD_NAMES:
        (folder / f"{name}.avi").touch()


def _odd_names_of_sound_videos(folder: Path) -> None:
    content = write_film(folder / "a.avi", 4.1).read_bytes()
    for name in ("line\nbreak", "\u00e9", "e\u0301"):
        (folder / f"{name}.avi").write_bytes(content)
    (folder / "a.avi").unlink()


def _link_loops(folder: Path) -> None:
    inner = folder / "in"
    inner.mkdir()
    (inner / "a.avi").touch()
    (inner / "up").symlink_to(folder)
    (folder / "here").symlink_to(".")
    (folder / "itself.avi").symlink_to("itself.avi")
    (folder / "gone.avi").symlink_to("nowhere")


def _deep_folders(folder: Path) -> None:
    before = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(DEEP):
            Path("d").mkdir()  # step by step: the whole way is longer than a name may be
            os.chdir("d")
        Path("a.avi").touch()
    finally:
        os.chdir(before)


def _codec_changes(folder: Path) -> None:
    films.joined(
        folder / "a.ts",
        [
            films.write_stream(folder / "1.ts", films.face(4.2), "libx264"),
            films.write_stream(folder / "2.ts", films.later(films.face(2.0), 4.2), "mpeg2video"),
        ],
    )


def _size_changes(folder: Path) -> None:
    films.joined(
        folder / "a.ts",
        [
            films.write_stream(folder / "1.ts", films.face(4.2), "libx264"),
            films.write_stream(folder / "2.ts", films.later(films.resized(films.face(2.0), 640, 480), 4.2), "libx264"),
        ],
    )


def _pictures_grow(name: str) -> Callable[[Path], object]:
    return lambda folder: films.write_growing_jpegs(
        folder / name, [films.face(4.2), films.later(films.resized(films.face(2.0), 640, 480), 4.2)]
    )


def _one_person(folder: Path) -> None:
    write_recording(folder, "anna_1")


def _sparse_beside(name: str, write: Callable[[Path], object]) -> Callable[[Path], None]:
    """A file of a sound folder has grown to 10 GB."""

    def make(folder: Path) -> None:
        write(folder)
        (path,) = folder.glob(name)
        os.truncate(path, SPARSE_BYTES)

    return make


def _pure(folder: Path) -> None:
    write_pure_session(folder)


def _pipe(folder: Path) -> None:
    write_recording(folder, "anna_1")
    (folder / "anna_1.csv").unlink()
    os.mkfifo(folder / "anna_1.csv")


CHECK = ("check", "IN")
AUDIT = ("audit", "IN", "--out", "OUT", "--layout")
CASES = (
    Case("a video of 0 bytes", "refused", _empty, r"^a: refused: a\.mp4: .*no video that is known by its first bytes"),
    Case("a video of 10 GB of zeros", "refused at once", sparse("a.avi"), r"^a: refused: .*no video that is known"),
    Case(
        "names with spaces, quotes, line breaks, escapes, bytes that are no UTF-8, é in both normal forms, ...",
        "a line for each",
        _odd_names,
        r": refused: ",
        lines=len(ODD_NAMES),
    ),
    Case(
        "sound videos with a line break and é in both normal forms in their names",
        "a table for each",
        _odd_names_of_sound_videos,
        r"Tables and pictures",
        code=0,
        tables=3,
    ),
    Case("links to the folder itself, to its parent and to nothing", "each video once", _link_loops, r"refused: ", lines=3),
    Case(f"{DEEP} folders, one within the other", "one line", _deep_folders, r"refused: |error: "),
    Case(
        "one frame", "refused", lambda folder: films.write(folder / "a.mkv", films.first_of(films.face(1.0), 1)), r"^a: refused: "
    ),
    Case(
        "nobody",
        "refused",
        lambda folder: films.write(folder / "a.mkv", films.at_times([0.0, 0.04, 0.08], films.nobody(320, 240))),
        r"^a: refused: no face found in 3 frames",
    ),
    Case(
        "two faces",
        "refused",
        lambda folder: films.write(folder / "a.mkv", films.two_faces(4.2)),
        r"^a: refused: 2 faces in one frame",
    ),
    Case(
        "a face that is lost for half of the video",
        "refused",
        lambda folder: films.write(folder / "a.mkv", films.face(8.4, hidden=range(105, 210))),
        r"^a: refused: face lost for more than",
    ),
    Case(
        "ten hours, a frame every ten seconds",
        "refused",
        lambda folder: films.write(folder / "a.mkv", films.at_times([10.0 * k for k in range(3600)], films.nobody())),
        r"^a: refused: no frame for 10\.00 s",
    ),
    Case(
        "a frame ten hours after the others",
        "that part left out",
        lambda folder: films.write_stream(
            folder / "a.mkv", [*films.face(4.2), (36_000.0, films.nobody(320, 240))], "libx264", crf="1"
        ),
        r"36000 to 36120 s are left out|refused: ",
    ),
    Case(
        "8K",
        "refused for its length, not for its size",
        lambda folder: films.write_stream(
            folder / "a.mkv", films.resized(films.first_of(films.face(1.0), 3), 7680, 4320), "libx264", preset="ultrafast"
        ),
        r"^a: refused: ",
    ),
    Case(
        "larger than 8K",
        "refused",
        lambda folder: films.write_stream(
            folder / "a.mkv", films.resized(films.first_of(films.face(1.0), 1), 7680, 4322), "libx264", preset="ultrafast"
        ),
        r"^a: refused: .*pixels are too many",
    ),
    Case(
        "1 fps",
        "refused",
        lambda folder: films.write(folder / "a.mkv", films.face(10.0, 1.0)),
        r"^a: refused: no frame for 1\.00 s",
    ),
    Case(
        "1,000 fps",
        "refused for its length",
        lambda folder: films.write(folder / "a.mkv", films.face(0.3, 1000.0)),
        r"^a: refused: ",
    ),
    Case("the codec changes midway", "the part before it, or refused", _codec_changes, r"^a: .*(refused|damaged|ends)"),
    Case("the size changes midway (H.264)", "refused", _size_changes, r"^a: refused: "),
    Case(
        "the size changes midway (Motion JPEG in Matroska)",
        "the part before it, and why no more",
        _pictures_grow("a.mkv"),
        r"^a: frames of 640 x 480 from frame 105 on",
        code=0,
        tables=1,
    ),
    Case(
        "the size changes midway (Motion JPEG in AVI)",
        "the part before it, and why no more",
        _pictures_grow("a.avi"),
        r"^a: frames of 640 x 480 from frame 105 on",
        code=0,
        tables=1,
    ),
    Case(
        "one person", "audited; no score of a subject left out", _one_person, r"recordings +1 of 1 subjects", (*AUDIT, "csv"), 0
    ),
    Case("a table of 10 GB", "named", _sparse_beside("anna_1.csv", _one_person), r"anna_1\.csv: larger than", CHECK),
    Case(
        "a list of recordings of 10 GB",
        "named",
        _sparse_beside("recordings.csv", _one_person),
        r"recordings\.csv: larger than",
        CHECK,
    ),
    Case("a pipe in place of a table", "named", _pipe, r"anna_1\.csv: no plain file", CHECK),
    Case(
        "readings of 10 GB (PURE)",
        "named",
        _sparse_beside("01-01/*.json", _pure),
        r"no record|01-01\.json: larger than|cannot be used +1",
        (*AUDIT, "pure"),
        0,
    ),
    Case(
        "a saved model of 10 GB",
        "named",
        lambda folder: [sparse("model.json")(folder), (folder / "a.avi").touch()],
        r"model\.json: larger than",
        ("predict", "IN/a.avi", "--model", "IN", "--out", "OUT"),
    ),
)
