"""What reads a change of SpO2 since a known moment from the light of a face: a straight line, and how far to trust it.

Blood that gives its oxygen away darkens in red, in the pulse and in all of the skin. How red a skin is, a lamp and a camera
decide; how its colour moves within a recording, the blood does, and the light, which the background shows beside it. So the line
is fitted on what moves within the recordings of many people, cameras and lamps: colours and SpO2 less their means of the
recording (the within estimator of econometrics: Mundlak 1978), by ridge regression. Few people cannot teach how much a change of
colour is worth under which camera and on which skin; hundreds of rendered ones can (tast.training.light_prior): the line then
reads what their curve leaves. Whether it starts from there, and how large it may be, is chosen by people and cameras left out. A
network that reads SpO2 has a change as well: of both, that mixture is taken which is nearest on the people of the validation,
anchored as users do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.pulse_rate import at_rate, face_rate_hz
from tast.records import FaceLight
from tast.training.anchored_interval import anchored_errors
from tast.training.change_scale import ChangeScale
from tast.training.light_prior import LightPrior, light_prior

FloatArray = npt.NDArray[np.floating]

LEAST = 1e-4  # of a pulse's ratio, and of light: the logarithm has an end
COLOURS = (
    "pulse red", "pulse blue", "skin red", "skin blue", "skin green", "background red", "background blue", "background green"
)  # fmt: skip
OF_FACE = 5  # the first of them: known where no background is
STEADY = slice(2, None)  # of them: what a LightPrior reads
SMALLEST_POWER, SMALLEST_SPREAD = 1e-16, 1e-6  # nothing is divided by less
RIDGE = 1e-3  # penalty on a slope over its colour's spread, of each clip's worth
RIDGES = (RIDGE, 0.01, 0.1, 1.0, 10.0)  # tried; of equals the first
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)  # of the network, tried; of equals the first
FOLDS = 5
LEAST_CHANGE = 0.5  # points of SpO2, SD within recordings: a line fitted on less has nothing to go by


@dataclass(frozen=True)
class ChangeReader:
    """Points of SpO2 per unit of each colour's logarithm; together they read how SpO2 changes, not what it is.

    slopes: of COLOURS. slopes_of_face: of the first OF_FACE of them, where the background is not known. network_share: how much
    of a change is the network's, 0 to 1; the rest is read from the light. n_subjects, n_recordings: that the line was fitted on.
    prior: what the line is added to; None where it stands alone. scale: what a change means that is read so; None: what it says.
    """

    slopes: tuple[float, ...]
    slopes_of_face: tuple[float, ...]
    network_share: float
    n_subjects: int
    n_recordings: int
    prior: LightPrior | None = None
    scale: ChangeScale | None = None

    def read(self, colours: FloatArray) -> FloatArray:
        """(N, COLOURS) of N windows -> (N,) SpO2 in percent less a constant that nobody knows."""
        face = colours[:, :OF_FACE] @ np.array(self.slopes_of_face)
        line = np.where(np.isfinite(colours).all(axis=1), colours @ np.array(self.slopes), face)
        return line if self.prior is None else line + self.prior.read(colours[:, STEADY])

    def changing(self, unbounded_percent: FloatArray, colours: FloatArray) -> FloatArray:
        """(N, S) as the network gives N windows, and (N, COLOURS) of them -> (N, S) what to follow a change by."""
        light = self.read(colours)[:, None]
        return self.network_share * unbounded_percent + (1 - self.network_share) * light


@dataclass(frozen=True)
class Start:
    """What a line is fitted from: the curve that it is added to, and the penalty on its slopes (infinite: the curve alone)."""

    prior: LightPrior | None = None
    ridge: float = RIDGE


def window_colours(light: FaceLight, fps_hz: float) -> FloatArray:
    """(COLOURS,) logarithms, of a window: red and blue over green in the pulse, then in the steady light, and its green.

    The steady light is the mean under a Hann window, so that no beat is cut off. NaN of a background that is not known, and of
    all where nothing of the face is seen.
    """
    skin = linear(light.skin)
    steady = skin.mean(axis=0)
    if not (steady > 0).all():
        return np.full(len(COLOURS), np.nan)
    pulse = skin / steady - 1
    ratios = np.ones(2)
    if np.isfinite(rate_hz := face_rate_hz(pulse, fps_hz)):
        red, green, blue = at_rate(pulse, rate_hz, fps_hz).T
        ratios = np.array([red @ green, blue @ green]) / max(float(green @ green), SMALLEST_POWER)
    return np.concatenate([np.log(np.maximum(ratios, LEAST)), steady_colours(light)])


def steady_colours(light: FaceLight) -> FloatArray:
    """(6,) of COLOURS, without the pulse's: what a LightPrior reads."""
    return np.concatenate([_steady(linear(light.skin)), _steady(linear(light.background))])


def brightness(colours: FloatArray) -> FloatArray:
    """(N, COLOURS) -> (N,) logarithm of the light behind the face, or of the face's where nothing is seen behind it."""
    behind = colours[:, COLOURS.index("background green")]
    return np.where(np.isfinite(behind), behind, colours[:, COLOURS.index("skin green")])


def linear(codes: FloatArray) -> FloatArray:
    """0 to 255 of a picture -> light, 0 to 1, by sRGB's curve (IEC 61966-2-1): a camera's own is not known, and nearer to it than
    to a straight line."""
    share = codes / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _steady(values: FloatArray) -> FloatArray:
    """(T, 3) -> (3,) logarithms of red and blue over green and of green."""
    red, green, blue = np.maximum(np.average(values, axis=0, weights=np.hanning(len(values) + 2)[1:-1]), LEAST)
    return np.log([red / green, blue / green, green])


def fit_change_reader(
    colours: FloatArray, spo2_percent: FloatArray, recording: pd.Series, person: pd.Series, start: Start = Start()
) -> ChangeReader | None:
    """The line of windows (N, COLOURS) with SpO2 (N, S) in each of their seconds, NaN where unknown, of recordings, people (N,).

    None where SpO2 does not change within the recordings. It gives the network no share: see `mixed`.
    """
    percent = mean_known(spo2_percent)
    left = percent if start.prior is None else percent - start.prior.read(colours[:, STEADY])
    known = np.isfinite(percent) & np.isfinite(colours[:, :OF_FACE]).all(axis=1)
    behind = known & np.isfinite(colours).all(axis=1)
    if not known.any() or _within(percent[known, None], recording[known]).std() < LEAST_CHANGE:
        return None
    of_face = _line(colours[known, :OF_FACE], left[known], recording[known], start.ridge)
    of_all = (*of_face, 0.0, 0.0, 0.0)
    if behind.any():
        of_all = _line(colours[behind], left[behind], recording[behind], start.ridge)
    return ChangeReader(of_all, of_face, 0.0, int(person[known].nunique()), int(recording[known].nunique()), start.prior)


def best_start(colours: FloatArray, spo2_percent: FloatArray, recording: pd.Series, person: pd.Series, apart: pd.Series) -> Start:
    """That whose lines are nearest to how SpO2 moves within recordings, of what is left out of `apart`: see left_out_changes.

    A line alone with the least penalty, where that cannot be asked.
    """
    percent = mean_known(spo2_percent)
    starts = [Start(None, ridge) for ridge in RIDGES] + [Start(light_prior(), ridge) for ridge in (*RIDGES, np.inf)]

    def error(start: Start) -> float:
        read = left_out_changes(colours, spo2_percent, recording, person, apart, start)
        if read is None:
            return np.inf
        known = np.isfinite(percent) & np.isfinite(read)
        off = _within((read - percent)[known, None], recording[known])
        return float(np.mean(off**2))

    errors = [error(start) for start in starts]
    return starts[int(np.argmin(errors))]


def left_out_changes(
    colours: FloatArray, spo2_percent: FloatArray, recording: pd.Series, person: pd.Series, apart: pd.Series,
    start: Start = Start(),
) -> FloatArray | None:  # fmt: skip
    """(N,) what lines read of windows (N, COLOURS) that were fitted on the others of `apart` (N,), a fifth of which is left out
    at a time: how a change is read of cameras, or people, that a line has not seen. None where that cannot be asked.

    The rest as of fit_change_reader.
    """
    folds = min(FOLDS, apart.nunique())
    if folds < 2:
        return None
    from sklearn.model_selection import GroupKFold  # takes half a second to import, and who only reads needs none

    read = np.full(len(colours), np.nan)
    for others, left_out in GroupKFold(folds).split(colours, groups=apart.to_numpy()):
        line = fit_change_reader(colours[others], spo2_percent[others], recording.iloc[others], person.iloc[others], start)
        if line is None:
            return None
        read[left_out] = line.read(colours[left_out])
    return read


def mean_known(percent: FloatArray) -> FloatArray:
    """(N, S) -> (N,) mean of what is known of each row; NaN where nothing is."""
    known = np.isfinite(percent)
    return np.divide(np.where(known, percent, 0).sum(axis=1), known.sum(axis=1), out=np.full(len(percent), np.nan),
                     where=known.any(axis=1))  # fmt: skip


def _line(colours: FloatArray, percent: FloatArray, recording: pd.Series, ridge: float) -> tuple[float, ...]:
    if np.isinf(ridge):
        return (0.0,) * colours.shape[1]
    moved, changed = _within(colours, recording), _within(percent[:, None], recording)[:, 0]
    spread = np.maximum(moved.std(axis=0), SMALLEST_SPREAD)
    scaled = moved / spread
    slopes = np.linalg.solve(scaled.T @ scaled + ridge * len(scaled) * np.eye(scaled.shape[1]), scaled.T @ changed)
    return tuple((slopes / spread).tolist())


def _within(values: FloatArray, recording: pd.Series) -> FloatArray:
    """(N, K) less the mean of their recording."""
    table = pd.DataFrame(values)
    means = table.groupby(recording.to_numpy()).transform("mean")
    return np.asarray((table - means).to_numpy())


def mixed(line: ChangeReader, validated: pd.DataFrame, colours: FloatArray) -> tuple[ChangeReader, pd.DataFrame]:
    """The line with the network's share that is nearest on validation people, and their rows with the change of that mixture.

    validated: as tast.training.inference.predict gives a network's own change, of windows of COLOURS (N, COLOURS).
    """
    own = validated["changing_percent"].to_numpy(dtype=np.float64).reshape(len(colours), -1)
    tried = {
        one: validated.assign(changing_percent=one.changing(own, colours).ravel())
        for one in (replace(line, network_share=share) for share in SHARES)
    }
    errors = {one: anchored_errors(rows) for one, rows in tried.items()}
    best = min(tried, key=lambda one: _size(errors[one]))
    return best, tried[best]


def _size(errors: pd.DataFrame) -> float:
    return float(np.mean(errors["error"] ** 2)) if len(errors) else 0.0
