"""What the error of a prediction goes with: should its interval depend on more than the change and the time since the anchor?

    python -m benchmarks.error_causes [--model models/tast_net] [--publish]     (half a minute, of the last `make repro`)

Of every labelled second of the clips of the last `make repro`: the error of what the model gives people whom it was not trained
on, without an anchor; and the error of all people, anchored by their first 10 s, followed by lines that saw neither their camera
nor them (tast.training.change_reader.left_out_changes). Beside each what is known of that second when it is predicted. A rank
correlation (Spearman's) says whether the error goes with it, and its interval over people whether that is chance. An interval
that grows with it, as that of anchored predictions does with the change, by the amount that makes it narrowest on average, shows
what it is worth. --publish writes the table into docs/prediction.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.results import Row, write_between, write_rows
from flows import running
from flows.layout import CLIPS, MODEL, SPLIT
from tast.anchors import SPAN_S
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.errors import TastError
from tast.people import person_of, recording_of
from tast.prediction.pulse import pulse_course
from tast.ratio_of_ratios import pulse_signals
from tast.saved_model import load_model
from tast.seconds import per_second
from tast.training.anchored_interval import OF_CHANGE, anchored_errors
from tast.training.change_reader import COLOURS, best_start, left_out_changes
from tast.training.dataset import ClipDataset
from tast.training.domain import LIGHT, PULSE, colours_of, distances
from tast.training.inference import predict
from tast.training.interval import COVERAGE, conformal_quantile

PAGE = Path("docs/prediction.md")
BEGIN, END = "<!-- error causes: python -m benchmarks.error_causes --publish -->", "<!-- end of error causes -->"
DRAWS, SEED = 1000, 0
UNCLEAR = "pulse not clear (1 less its share)"
FACE_LIGHT, BEHIND = "face brighter or darker than at the anchor", "background brighter or darker"
COMPRESSED = "compressed (1 over its bits a pixel)"
KNOWN = (UNCLEAR, PULSE, LIGHT, COMPRESSED, FACE_LIGHT, BEHIND)  # of a second, when it is predicted
CHANGE, SINCE = "change", "since_s"
GROWTHS = (*(one for one in OF_CHANGE if one), 2.0, 4.0)  # tried, in units of what is known over its own spread


def known_of_windows(windows: ClipDataset, domain: dict) -> pd.DataFrame:
    """Of each window: KNOWN, but that the light is not yet compared with the anchor's."""
    frames = [windows.frames_of(position) for position in range(len(windows))]
    far = distances(domain, [colours_of(one, fps_hz) for one, fps_hz in frames])
    clear = np.full(len(windows), np.nan)
    recordings = recording_of(windows.clips).to_numpy()
    for name in dict.fromkeys(recordings):
        (places,) = np.nonzero(recordings == name)
        clear[places] = pulse_course([pulse_signals(frames[place][0]) for place in places], frames[places[0]][1])[0]
    light = windows.colours
    return pd.DataFrame({
        UNCLEAR: 1 - clear, PULSE: far[PULSE], LIGHT: far[LIGHT], COMPRESSED: 1 / windows.clips["bits_per_pixel"].to_numpy(),
        FACE_LIGHT: light[:, COLOURS.index("skin green")], BEHIND: light[:, COLOURS.index("background green")],
    })  # fmt: skip


def seconds_of(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of clips and their seconds, with KNOWN -> the labelled seconds with `error` alone, and those after the anchors."""
    seconds = per_second(rows, ["true_percent", "predicted_percent", "changing_percent", *KNOWN])
    seconds = seconds[seconds["true_percent"].notna()]
    first = seconds["start_s"] < seconds.groupby(recording_of(seconds))["start_s"].transform("min") + SPAN_S
    for name in (FACE_LIGHT, BEHIND):
        at_anchor = seconds[name].where(first).groupby(recording_of(seconds)).transform("mean")
        seconds[name] = (seconds[name] - at_anchor).abs()
    alone = seconds.assign(error=(seconds["predicted_percent"] - seconds["true_percent"]).abs(), person=person_of(seconds))
    anchored = anchored_errors(rows)  # by second of a recording, in the order of `seconds`, the anchors' left out
    rest = seconds[~_held(seconds)]
    if len(rest) != len(anchored):
        raise TastError(f"{len(rest)} seconds after the anchors, but errors of {len(anchored)}; expected as many")
    return alone, anchored.assign(**{name: rest[name].to_numpy() for name in KNOWN})


def _held(seconds: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether a second is its recording's anchor, as in tast.training.anchored_interval."""
    by = seconds.groupby(recording_of(seconds))["start_s"]
    begin, length = by.transform("min"), by.transform("max") + 1 - by.transform("min")
    return np.asarray(seconds["start_s"] + 0.5 < begin + np.minimum(SPAN_S, length / 2))


def correlation(seconds: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """Spearman's of the error and what is known, and its 95 % interval over resampled people."""
    table = seconds[["error", name, "person"]].dropna()
    of_people = [one[["error", name]].to_numpy() for _, one in table.groupby("person")]
    drawn = np.random.default_rng(SEED).integers(len(of_people), size=(DRAWS, len(of_people)))
    found = [_rank(np.concatenate([of_people[k] for k in one])) for one in drawn]
    low, high = np.nanquantile(found, [0.025, 0.975])
    return _rank(np.concatenate(of_people)), float(low), float(high)


def _rank(pairs: npt.NDArray[np.floating]) -> float:
    return float("nan") if np.ptp(pairs[:, 1]) == 0 else float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def narrower(seconds: pd.DataFrame, name: str) -> float:
    """Mean width of an interval that grows with what is known, over that of one width, where it is narrowest; 1: no gain."""
    table = seconds[["error", name]].dropna()
    size, known = table["error"].to_numpy(), table[name].to_numpy() / max(float(table[name].std()), 1e-12)

    def width(growth: npt.NDArray[np.floating] | float) -> float:
        return float(np.mean(conformal_quantile(size / growth, COVERAGE) * np.asarray(growth)))

    return min(1.0, *(width(np.sqrt(1 + (by * known) ** 2)) / width(1.0) for by in GROWTHS))


def rows_of(alone: pd.DataFrame, anchored: pd.DataFrame) -> list[Row]:
    found = [Row("people, alone", alone["person"].nunique(), "1"), Row("people, anchored", anchored["person"].nunique(), "1")]
    asked: list[tuple[str, pd.DataFrame, tuple[str, ...]]] = [
        ("alone", alone, (UNCLEAR, PULSE, LIGHT, COMPRESSED)), ("anchored", anchored, (CHANGE, SINCE, *KNOWN)),
    ]  # fmt: skip
    for how, seconds, names in asked:
        seconds = seconds.assign(**{CHANGE: seconds[CHANGE].abs()}) if CHANGE in seconds else seconds
        for name in names:
            rank, low, high = correlation(seconds, name)
            found.append(Row(f"{how}: {name}", rank, f"rank correlation, 95 % {low:.2f} to {high:.2f}"))
            found.append(Row(f"{how}: {name}: width", narrower(seconds, name), "of one width's", better="lower"))
    return found


WORDS: dict[str, str] = {
    CHANGE: "change since the anchor, points", SINCE: "time since the anchor",
    PULSE: "pulse's colour, distance from the training", LIGHT: "face's colour, distance from the training",
}  # fmt: skip


def lines(found: list[Row]) -> list[str]:
    values = {row.name: row for row in found}
    head = ["| error | goes with | rank correlation | 95 % | width, if it grows with it |", "|---|---|---:|---|---:|"]
    body = []
    for row in found:
        if row.unit.startswith("rank"):
            how, _, name = row.name.partition(": ")
            width = values[f"{row.name}: width"].value
            body.append(f"| {how} | {WORDS.get(name, name)} | {row.value:.2f} | {row.unit.partition('95 % ')[2]} | {width:.2f} |")
    people = f"{values['people, alone'].value:.0f} people alone, {values['people, anchored'].value:.0f} anchored."
    return [people, "", *head, *body]


def measure(model_folder: Path, read: Callable[[Path], tuple] = load_model) -> list[Row]:
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)
    model, card = read(model_folder)
    windows = ClipDataset(store, store.clip_ids, kind=card.input_kind, frame_size_px=card.frame_size_px).every_second()
    clips = windows.clips
    cameras = clips["dataset"].astype(str) + "/" + clips["camera"].astype(str)
    of_windows = windows.colours, windows.spo2_percent, recording_of(clips), person_of(clips), cameras
    line = left_out_changes(*of_windows, best_start(*of_windows))
    if line is None:
        raise TastError(f"{CLIPS}: recordings of one camera, or SpO2 that does not change; expected several, as of `make repro`")
    known = known_of_windows(windows, dict(card.domain))
    rows = predict(model, windows, card.scaling).assign(changing_percent=np.repeat(line, windows.seconds))
    rows = rows.assign(**{name: np.repeat(known[name].to_numpy(), windows.seconds) for name in KNOWN})
    alone, anchored = seconds_of(rows)
    unseen = set(person_of(store.manifest.loc[[*split.val, *split.test]]))
    return rows_of(alone[alone["person"].isin(unseen)], anchored)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.error_causes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    found = measure(asked.model)
    write_rows("error_causes", found)
    if asked.publish:
        write_between(PAGE, BEGIN, END, lines(found))


if __name__ == "__main__":
    running.run(main)
