"""What simple methods make of real waves with real SpO2: windows of 10 s, each person foretold from the others.

    python -m benchmarks.recorded [--root FOLDER]

FOLDER holds the public data set oximetry_phone_cam: a finger on a phone's camera while oxygen was lowered in steps. Both hands
count. The published CNN stands beside, on six people; a baseline that knows the time alone shows how much of any score
is the protocol's. The last rows prove that the recorded phantom's cut and shuffled sessions take that away.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.methods import HOFFMAN_2022, method_rows
from benchmarks.results import Row, write_rows
from flows import running
from tast.datasets.finger_series import FingerSeries
from tast.datasets.oximetry_phone_cam import CAMERA_FPS_HZ, read_oximetry_phone_cam
from tast.evaluation.metrics import score
from tast.evaluation.series import FEATURES, joined, leave_one_person_out, position_features, windows_of
from tast.phantom.recorded import piece, piece_starts_s, subject_numbers
from tast.phantom.session import phantom_sessions

RECORDED_ROOT = Path("../shared/data/oximetry-phone-cam")
SHUFFLES, SESSIONS, SECONDS = 10, 20, 24


def window_rows(recordings: Sequence[FingerSeries]) -> list[Row]:
    """Every method's rows on the windows of all recordings."""
    parts = [windows_of(one.rgb, CAMERA_FPS_HZ, one.spo2_percent) for one in recordings]
    windows = joined(parts)
    person = np.repeat([one.subject_id for one in recordings], [len(part) for part in parts])
    rows = [
        Row("people", len(set(person.tolist())), "1"),
        Row("recordings", len(recordings), "1"),
        Row("windows of 10 s", len(windows), "1"),
    ]
    for name, features in FEATURES.items():
        predicted = leave_one_person_out(features(windows), windows.spo2_percent, person)
        rows += method_rows(name, windows.spo2_percent, predicted, HOFFMAN_2022)
    return rows


def position_rows(recordings: Sequence[FingerSeries]) -> list[Row]:
    """What position foretells in the recordings' own order, and cut and shuffled as the recorded phantom does."""
    in_order = position_share(recordings, seed=0, shuffled=False)
    shares = [position_share(recordings, seed=seed, shuffled=True) for seed in range(SHUFFLES)]
    return [
        _share_row("sessions in the recordings' order", in_order),
        _share_row(f"cut and shuffled, mean of {SHUFFLES} seeds", float(np.mean(shares)), must=1.0),
        _share_row(f"cut and shuffled, lowest of {SHUFFLES} seeds", min(shares)),
    ]


def _share_row(order: str, share: float, must: float | None = None) -> Row:
    return Row(f"time only, {order}: RMSE over the constant's", share, "1", "constant", share, better="higher", must=must)


def position_share(recordings: Sequence[FingerSeries], *, seed: int, shuffled: bool) -> float:
    """RMSE over the constant's of a predictor that knows only the session's number and the second in it; one person left out."""
    numbers = subject_numbers(recordings)
    planned = phantom_sessions(
        seed=seed, subjects=len(numbers), sessions=SESSIONS, seconds=SECONDS, fps_hz=30, width_px=1, height_px=1,
        face_height_px=1, profile="wide", scenarios="all", layout="vipl_hr", numbers=numbers,
    )  # fmt: skip
    person, number, percent = [], [], []
    for session in planned:
        recording, start_s = piece(session, recordings)
        first = int(start_s if shuffled else piece_starts_s(recording, SECONDS)[session.number - 1])
        person += [session.subject] * SECONDS
        number += [session.number] * SECONDS
        percent.append(recording.spo2_percent[first : first + SECONDS])
    people, true = np.array(person), np.concatenate(percent)
    position = position_features(np.array(number, dtype=np.float64), np.tile(np.arange(SECONDS), len(planned)))
    predicted, constant = (leave_one_person_out(features, true, people) for features in (position, position[:, :0]))
    return score(true, predicted).rmse / score(true, constant).rmse


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recorded", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=RECORDED_ROOT)
    parser.add_argument("--name", default="recorded", help="of the JSON below benchmarks/results/")
    arguments = parser.parse_args()
    recordings = read_oximetry_phone_cam(arguments.root)
    write_rows(arguments.name, window_rows(recordings) + position_rows(recordings))


if __name__ == "__main__":
    running.run(main)
