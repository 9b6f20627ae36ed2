"""What can be known of SpO2 from colours alone, by whoever reads them: no video, only the phantom's optics.

    python -m benchmarks.knowable [--worlds 1500] [--publish]

A moment of a person in a world (lamp, sensor, white balance) is five numbers: the logarithms of the pulse (AC/DC) of red and of
blue over green, of the skin's own red and blue over green, and of its green, in the picture's linear light. A small network
(scikit-learn's) learns to read SpO2, evenly between 75 and 100 %, from some of them: in worlds that it knows but of people whom
it does not, or in worlds that it does not know; of one moment alone, or of the change since an anchor, a moment of the same
person in the same world whose SpO2 is known. With noise, the pulse's ratios are off by so much in each moment, the anchor's
too; the skin's by what is said of them, which stands for all that lamp and camera do meanwhile, and its green by twice that.
Where blood flows, it does so faster and slower from moment to moment, and fills and darkens the skin
(tast/phantom/perfusion.py). --publish writes the table into docs/phantom.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.results import Row, write_between, write_rows
from tast.evaluation.metrics import score
from tast.phantom.colours import colours
from tast.phantom.lamps import draw_lamp
from tast.phantom.perfusion import BAND_HZ, draw_perfusion
from tast.phantom.sensor import draw_camera
from tast.phantom.skin import draw_skin
from tast.records import FloatArray

PAGE = Path("docs/phantom.md")
BEGIN, END = "<!-- knowable: python -m benchmarks.knowable --publish -->", "<!-- end of knowable -->"

LOWEST, HIGHEST = 0.75, 1.0  # saturations
MOMENTS, ANCHOR = 10, 0  # of each person; which of them is the anchor, and is never scored
PEOPLE, TEST_SHARE = 6, 0.2  # of each world that is left out when it is tested
HOME_WORLDS, HOME_PEOPLE, HOME_TESTED = 12, 60, 12
REST_SD_PERCENT = 1.5  # of an anchor at rest, without an oximeter, for which 97 % is assumed
NOISES = (0.0, 0.02, 0.05)
LIGHT_NOISE = 0.005  # of the skin's ratios
LEAST = 1e-6  # of light and pulse: a channel that sees neither has no ratio

RATIOS, SKIN, GREEN = [0, 1], [2, 3], [4]


@dataclass(frozen=True, eq=False)
class Moments:
    """colours (people, MOMENTS, 5): the five logarithms; percent (people, MOMENTS): SpO2; world (people,)."""

    colours: FloatArray
    percent: FloatArray
    world: FloatArray

    def of(self, chosen: npt.NDArray[np.bool_]) -> Moments:
        return Moments(self.colours[chosen], self.percent[chosen], self.world[chosen])

    def noisy(self, pulse: float, light: float, seed: int) -> Moments:
        """The pulse's ratios off by so much, the skin's by that (1 SD of their logarithms), its green by twice that."""
        noise = np.random.default_rng(seed).standard_normal(self.colours.shape)
        return replace(self, colours=self.colours + noise * [pulse, pulse, light, light, 2 * light])


def moments(worlds: int, people: int, seed: int, *, flowing: bool = False) -> Moments:
    """People in worlds, each person in one; those whose red or blue shows no pulse at all are left out. flowing: their blood
    flows faster and slower from moment to moment."""
    seen, percent, world = [], [], []
    for number in range(worlds):
        rng = np.random.default_rng((seed, number))
        camera = draw_camera(rng)
        its = colours(draw_lamp(rng), camera.sensor)
        red, blue = camera.white_balance.error
        its = replace(its, white_balance=its.white_balance * (1 + red, 1, 1 + blue))
        to_picture = (its.matrix * its.white_balance).T
        for _ in range(people):
            skin, saturation = draw_skin(rng), rng.uniform(LOWEST, HIGHEST, MOMENTS)
            blood = flow(rng) if flowing else ()
            light = its.tint(skin, saturation, *blood) * its.skin(skin.melanosomes, skin.blood) @ to_picture
            pulse = its.picture_pulse(skin, saturation)
            if min(light.min(), pulse.min()) > LEAST:
                seen.append(np.log(np.c_[pulse[:, ::2] / pulse[:, 1:2], light[:, ::2] / light[:, 1:2], light[:, 1:2]]))
                percent.append(100 * saturation)
                world.append(number)
    return Moments(np.array(seen), np.array(percent), np.array(world))


def flow(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """(MOMENTS,) blood in the skin over the person's own, and how far its saturation lies below the arteries': moments so far
    apart that they know nothing of each other."""
    return draw_perfusion(rng).at(np.arange(MOMENTS) / BAND_HZ[0])


def alone(some: Moments, used: list[int]) -> FloatArray:
    """(people, MOMENTS - 1, F) what one moment shows."""
    return some.colours[:, ANCHOR + 1 :, used]


def anchored(some: Moments, used: list[int]) -> FloatArray:
    """(people, MOMENTS - 1, F) what changed since the anchor, and what the anchor showed."""
    anchor = np.repeat(some.colours[:, ANCHOR : ANCHOR + 1], MOMENTS - 1, axis=1)
    return np.concatenate([alone(some, used) - anchor[..., used], anchor], axis=2)


def read(features: Callable[[Moments, list[int]], FloatArray], used: list[int], train: Moments, test: Moments) -> FloatArray:
    """SpO2 (people, MOMENTS - 1) of the tested: what is learnt is SpO2 itself, or of anchored features its change."""
    from_anchor = features is anchored
    wanted = train.percent[:, 1:] - (train.percent[:, :1] if from_anchor else 0)
    net = MLPRegressor(hidden_layer_sizes=(32, 32), max_iter=200, early_stopping=True, random_state=0)
    reader = TransformedTargetRegressor(make_pipeline(StandardScaler(), net), transformer=StandardScaler())
    shown = features(train, used)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops early or at max_iter, as here is meant
        reader.fit(shown.reshape(-1, shown.shape[-1]), wanted.ravel())
    given = reader.predict(features(test, used).reshape(-1, shown.shape[-1])).reshape(len(test.percent), -1)
    percent = given + (test.percent[:, :1] if from_anchor else 0)
    return np.clip(percent, 100 * LOWEST, 100 * HIGHEST)  # what it was fitted on: colours of a rare skin or lamp lead it far out


def rows(worlds: int, seed: int) -> list[Row]:
    everyone = moments(worlds, PEOPLE, seed)
    left_out = everyone.world >= worlds * (1 - TEST_SHARE)
    train, test = everyone.of(~left_out), everyone.of(left_out)
    true = test.percent[:, 1:]
    spread = float(true.std())
    found = [
        _row("the mean of those trained on", np.full_like(true, train.percent.mean()), true, spread),
        _row("stays where the anchor was", np.repeat(test.percent[:, :1], MOMENTS - 1, axis=1), true, spread),
        _home(seed),
    ]
    for noise in NOISES:
        given, asked = train.noisy(noise, 0, seed + 1), test.noisy(noise, 0, seed + 2)
        beside = f"worlds left out, ratios off by {noise:.0%}: " if noise else "worlds left out: "
        by_ratios = read(anchored, RATIOS, given, asked)
        found += [
            _row(f"{beside}one moment", read(alone, RATIOS + SKIN, given, asked), true, spread),
            _row(f"{beside}anchored, change of the ratios", by_ratios, true, spread, must=None if noise else 0.35),
            _row(
                f"{beside}anchored, of the skin's colour too",
                read(anchored, RATIOS + SKIN, given, asked),
                true,
                spread,
                must=0.35,
            ),
        ]
    rest = np.random.default_rng(seed).normal(0, REST_SD_PERCENT, (len(true), 1))
    at_rest = read(anchored, RATIOS + SKIN, train, test) + rest
    name = f"worlds left out: anchored, of the skin's colour too, the anchor's SpO2 off by {REST_SD_PERCENT:g}"
    return [*found, _row(name, at_rest, true, spread, must=0.5), *_flowing(worlds, seed)]


def _flowing(worlds: int, seed: int) -> list[Row]:
    """As `rows`, of people whose blood flows faster and slower; what is read from the skin is no longer oxygen's alone."""
    everyone = moments(worlds, PEOPLE, seed, flowing=True)
    left_out = everyone.world >= worlds * (1 - TEST_SHARE)
    used = {
        "change of the ratios": RATIOS,
        "of the skin's colour": SKIN,
        "of all and the skin's brightness": RATIOS + SKIN + GREEN,
    }
    found = []
    for pulse, light in ((0.0, 0.0), (0.05, 0.0), (0.05, LIGHT_NOISE)):
        train, test = (everyone.of(chosen).noisy(pulse, light, seed + k) for k, chosen in enumerate((~left_out, left_out)))
        off = f", ratios off by {pulse:.0%}" * bool(pulse) + f", the skin's by {light:.1%}" * bool(light)
        true = test.percent[:, 1:]
        for name, columns in used.items():
            must = None if pulse or columns is not used["of all and the skin's brightness"] else 0.35
            given = read(anchored, columns, train, test)
            found.append(_row(f"worlds left out, blood that flows{off}: anchored, {name}", given, true, float(true.std()), must))
    return found


def _home(seed: int) -> Row:
    """Worlds that are known; of each, some people are left out."""
    everyone = moments(HOME_WORLDS, HOME_PEOPLE, seed + 3)
    number = np.concatenate([np.arange(np.sum(everyone.world == world)) for world in range(HOME_WORLDS)])
    train, test = everyone.of(number >= HOME_TESTED), everyone.of(number < HOME_TESTED)
    true = test.percent[:, 1:]
    return _row(
        f"{HOME_WORLDS} worlds known, people left out: one moment",
        read(alone, RATIOS + SKIN, train, test),
        true,
        float(true.std()),
    )


def _row(name: str, given: FloatArray, true: FloatArray, spread: float, must: float | None = None) -> Row:
    rmse = score(true.ravel(), given.ravel()).rmse
    return Row(name, rmse, "points of SpO2 (RMSE)", "the constant", rmse / spread, better="lower", must=must)


def lines(found: list[Row]) -> list[str]:
    """The table in Markdown."""
    head = ["| read how | RMSE, points | of the constant's |", "|---|---|---|"]
    return [*head, *(f"| {row.name} | {row.value:.2f} | {row.ratio:.2f} |" for row in found if row.ratio is not None)]


def publish(found: list[Row], page: Path = PAGE) -> None:
    """Put the table into the page, between its two marks."""
    write_between(page, BEGIN, END, lines(found))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.knowable", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    arguments = parser.parse_args()
    found = rows(arguments.worlds, arguments.seed)
    write_rows("knowable", found)
    if arguments.publish:
        publish(found)


if __name__ == "__main__":
    main()
