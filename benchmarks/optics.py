"""The colours of the phantom's pulse over random worlds beside living skin's, how much people differ, and what a frame costs.

    python -m benchmarks.optics [--worlds 500] [--publish]

A world is a lamp, a camera and a person at random. A ratio is the pulse (AC/DC) of red or blue over green's in the picture's
linear light, after white balance and colour matrix, at SpO2 97 %, without noise. --publish writes the table of slopes into
docs/phantom.md and the picture beside it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.results import Row, write_between, write_rows
from tast.evaluation.metrics import score
from tast.files import whole_file
from tast.phantom.colours import Colours, colours
from tast.phantom.develop import TONE_STEPS, TONES, develop, shots, tone_curve
from tast.phantom.lamps import D65, Lamp, Tabled, draw_lamp
from tast.phantom.sensor import SENSORS, Camera, Exposure, Sensor, WhiteBalance, draw_camera
from tast.phantom.skin import MEDIAN, Skin, draw_skin, pulsatility, srgb_pulse
from tast.phantom.spectra import LUMINANCE_OF_SRGB, WAVELENGTHS_NM, names
from tast.phantom.tissue import FITZPATRICK_MELANOSOMES
from tast.records import FloatArray

PAGE, PICTURE = Path("docs/phantom.md"), Path("docs/pictures/phantom_pulse.png")
BEGIN, END = "<!-- slopes: python -m benchmarks.optics --publish -->", "<!-- end of slopes -->"

# White light: de Haan and van Leest 2014, as (.33, .77, .53) of red, green, blue. One face of a public clip, on its own pulse:
# marnixnaber/rPPG, rPPG_video.mp4.
PUBLISHED, REAL_CLIP = (0.33 / 0.77, 0.53 / 0.77), (0.23, 0.52)
RED_RANGE, BLUE_RANGE = (0.2, 0.5), (0.5, 0.8)  # of real clips

REFERENCE = Sensor("Nikon D5100")
PEOPLE, SATURATIONS, CALIBRATED_WORLDS = 20, 12, 40
HEIGHT, WIDTH, FRAMES, PATCH = 480, 640, 60, 100
WORLD_IN_LEGEND = 30.0  # size of its dot, which would be lost at the size that 500 of them have


@dataclass(frozen=True, eq=False)
class Pulses:
    """Of each world at 97 %: red and blue over green, (worlds,) each, and green's AC/DC."""

    red: FloatArray
    blue: FloatArray
    green_ac: FloatArray


def world_pulses(worlds: int, seed: int) -> Pulses:
    pulses = []
    for number in range(worlds):
        rng = np.random.default_rng((seed, number))
        seen, person = colours(draw_lamp(rng), draw_camera(rng).sensor), draw_skin(rng)
        pulses.append(seen.picture_pulse(person))
    red, green, blue = np.array(pulses).T
    return Pulses(red / green, blue / green, green)


def pulse_rows(pulses: Pulses) -> list[Row]:
    count = len(pulses.red)
    red, blue = float(np.median(pulses.red)), float(np.median(pulses.blue))
    strongest = float(np.mean((pulses.red < 1) & (pulses.blue < 1)))
    lowest, highest = (float(np.percentile(pulses.green_ac, share)) for share in (2.5, 97.5))
    return [
        Row(f"red over green, median of {count} worlds, at least", red, "1", f"published {PUBLISHED[0]:.2f}", must=0.35),
        Row("the same, at most", red, "1", better="lower", must=0.5),
        Row("blue over green, median, at least", blue, "1", f"published {PUBLISHED[1]:.2f}", must=0.6),
        Row("the same, at most", blue, "1", better="lower", must=0.8),
        Row("green strongest, share of worlds", strongest, "1", must=0.95),
        Row("red over green within real clips' .2-.5", _within(pulses.red, RED_RANGE), "1", must=0.7),
        Row("blue over green within real clips' .5-.8", _within(pulses.blue, BLUE_RANGE), "1", must=0.7),
        Row("AC/DC of green, 2.5th percentile", lowest, "1", must=0.002),
        Row("AC/DC of green, 97.5th percentile", highest, "1", better="lower", must=0.02),
    ]


def _within(values: FloatArray, limits: tuple[float, float]) -> float:
    return float(np.mean((values > limits[0]) & (values < limits[1])))


def calibration_errors(seed: int) -> tuple[float, float, float]:
    """RMSE in points of SpO2 over 70-100 %, medians over worlds, of straight lines from red over green to SpO2.

    Fitted on the other people of the same world; on the person alone; on the others, then shifted to the person's own mean.
    """
    errors = []
    for world in range(CALIBRATED_WORLDS):
        rng = np.random.default_rng((seed, world))
        seen = colours(draw_lamp(rng), draw_camera(rng).sensor)
        people = [draw_skin(rng) for _ in range(PEOPLE)]
        true = 100 * rng.uniform(0.7, 1, (PEOPLE, SATURATIONS))
        pulse = np.stack([seen.picture_pulse(person, some / 100) for person, some in zip(people, true, strict=True)])
        ratio = pulse[..., 0] / pulse[..., 1]
        others = [np.arange(PEOPLE) != k for k in range(PEOPLE)]
        shared = np.array([_line(ratio[rest], true[rest], ratio[k]) for k, rest in enumerate(others)])
        own = np.array([_line(ratio[k], true[k], ratio[k]) for k in range(PEOPLE)])
        shifted = shared + (true - shared).mean(axis=1, keepdims=True)
        errors.append([score(true.ravel(), guess.ravel()).rmse for guess in (shared, own, shifted)])
    shared_rmse, own_rmse, shifted_rmse = (float(value) for value in np.median(errors, axis=0))
    return shared_rmse, own_rmse, shifted_rmse


def _line(ratio: FloatArray, percent: FloatArray, asked: FloatArray) -> FloatArray:
    return np.polyval(np.polyfit(ratio.ravel(), percent.ravel(), 1), asked)


def calibration_rows(seed: int) -> list[Row]:
    shared, own, shifted = calibration_errors(seed)
    return [
        Row(f"one line for {PEOPLE} people of one world: RMSE of the one left out, at least", shared, "points", must=4.0),
        Row("the same, at most", shared, "points", "19 people, hypoxia, with noise: 6.62", better="lower", must=6.6),
        Row("each person's own line", own, "points", "the same 19: 3.87", better="lower"),
        Row(
            "the others' line, shifted to the person's mean",
            shifted,
            "points",
            "the same 19, by one reading: 4.20",
            better="lower",
        ),
    ]


@dataclass(frozen=True, eq=False)
class Slope:
    """What one change does.

    logs (3,): change of the logarithms of red over green, of blue over green, and of green's own pulse per blood; spread: these
    are standard deviations over many cases. source: of the sign or the size.
    """

    change: str
    logs: FloatArray
    source: str
    spread: bool = False


def slopes() -> list[Slope]:
    """The table of docs/phantom.md: at the median person, D65 and the reference camera but for what is changed; 97 %."""
    seen = colours(D65, REFERENCE)
    types = [replace(MEDIAN, melanosomes=FITZPATRICK_MELANOSOMES[k]) for k in (0, 5)]
    lamps = [colours(Lamp("", ((Tabled(name), 1.0),)), REFERENCE) for name in names("lamp")]
    sensors = [colours(D65, Sensor(name)) for name in SENSORS]
    coded, bent = (_coding(seen, MEDIAN, contrast) for contrast in (0.0, 0.5))
    settings = [_pictured(draw_camera(np.random.default_rng((13, k)))) for k in range(30)]
    pigmented = _logs(seen, types[1]) - _logs(seen, types[0])
    return [
        _changed("SpO2 from 97 to 96 %", seen, MEDIAN, "extinction of both haemoglobins (Prahl's table)", 0.96),
        Slope("skin type I to VI (melanosomes .015 to .21)", pigmented, "melanin's absorption (Jacques 1998)"),
        _changed("pulsating vessels 10 % deeper", seen, replace(MEDIAN, depth_cm=1.1 * MEDIAN.depth_cm),
                 "diffusion; sign as in Moco et al. 2018 (from memory)"),
        _changed("10 % more blood in the dermis", seen, replace(MEDIAN, blood=1.1 * MEDIAN.blood), "diffusion"),
        _changed("10 % more scattering", seen, replace(MEDIAN, scattering_per_cm=1.1 * MEDIAN.scattering_per_cm), "diffusion"),
        _changed("arterioles 15 % wider", seen, replace(MEDIAN, arteriole_radius_cm=1.15 * MEDIAN.arteriole_radius_cm),
                 "shade within vessels (van Veen et al. 2002; from memory)"),
        _changed("surface reflects 2 instead of 1.3 %", seen, replace(MEDIAN, sheen=0.02), "no pulse in what saw no blood"),
        _changed("red white-balanced 10 % too strong", replace(seen, white_balance=seen.white_balance * (1.1, 1, 1)), MEDIAN,
                 "through the colour matrix alone"),
        Slope("read from values coded as sRGB", coded, "the sRGB curve: steeper in the logarithm where it is darker"),
        Slope("bent by an S-curve of contrast .5 on top", bent - coded, "assumed"),
        Slope(f"{len(settings)} cameras' settings, read from their pictures", np.std(settings, axis=0), "as drawn", True),
        _spread(f"{len(lamps)} lamps", [(one, MEDIAN) for one in lamps], "CIE 15:2004 and 015:2018"),
        _spread(f"{len(sensors)} measured cameras", [(one, MEDIAN) for one in sensors], "rawtoaces-data"),
        _spread("people, all skin types", [(seen, draw_skin(np.random.default_rng((11, k)))) for k in range(300)],
                "spreads chosen so that one line leaves what studies of hypoxia report"),
    ]  # fmt: skip


def _logs(seen: Colours, person: Skin, saturation: float = 0.97) -> FloatArray:
    """Logarithms of red over green, of blue over green, and of green's own pulse per blood."""
    pulse = seen.picture_pulse(person, saturation)
    per_blood = srgb_pulse(person, D65.spectrum())[1] / person.green_ac
    return np.log([pulse[0] / pulse[1], pulse[2] / pulse[1], pulse[1] * per_blood])


def _coding(seen: Colours, person: Skin, contrast: float) -> FloatArray:
    """What an sRGB curve with an S-curve on top adds to `_logs`, for a face exposed as by `shots`."""
    steady = seen.matrix @ (seen.white_balance * seen.skin(person.melanosomes, person.blood))
    linear, step = steady * TONES["srgb"].middle / (LUMINANCE_OF_SRGB @ steady), 0.01
    curve = tone_curve("srgb", contrast)
    low, high = (np.interp(TONE_STEPS * linear * (1 + change), np.arange(len(curve)), curve) for change in (-step, step))
    per_log = np.log(high / low) / (2 * step)
    return np.log([per_log[0] / per_log[1], per_log[2] / per_log[1], per_log[1]])


def _pictured(camera: Camera) -> FloatArray:
    """`_logs` of the median person in the pictures of a camera at rest (exposure and white as they are set, and still), D65.

    Two beats of 1.2 Hz and twice the person's size on an even patch, read from the means of the frames.
    """
    still = replace(camera, white_balance=WhiteBalance(camera.white_balance.error), exposure=Exposure())
    person = replace(MEDIAN, green_ac=2 * MEDIAN.green_ac)
    seen = colours(D65, still.sensor)
    times_s = np.arange(50) / 30
    skin, beats = seen.skin(person.melanosomes, person.blood), np.sin(2 * np.pi * 1.2 * times_s) / 2
    plan, past = shots(still, D65, seen, times_s, PATCH, skin, 0), np.empty((PATCH, PATCH, 3), np.float32)
    means = []
    for frame, beat in enumerate(beats):
        raw = np.broadcast_to(skin * (1 - beat * seen.pulse_strengths(person)), past.shape).astype(np.float32)
        means.append(develop(raw, plan, frame, past).mean(axis=(0, 1)))
    turning = np.exp(-2j * np.pi * 1.2 * times_s)
    pulse = 4 * np.abs((np.array(means) * turning[:, None]).mean(axis=0)) / np.mean(means, axis=0)
    return np.log([pulse[0] / pulse[1], pulse[2] / pulse[1], pulse[1]]) - np.log(_ratios(seen, person))


def _ratios(seen: Colours, person: Skin) -> FloatArray:
    pulse = seen.picture_pulse(person)
    return np.array([pulse[0] / pulse[1], pulse[2] / pulse[1], pulse[1]])


def _changed(change: str, seen: Colours, person: Skin, source: str, saturation: float = 0.97) -> Slope:
    return Slope(change, _logs(seen, person, saturation) - _logs(colours(D65, REFERENCE), MEDIAN), source)


def _spread(change: str, cases: list[tuple[Colours, Skin]], source: str) -> Slope:
    return Slope(change, np.std([_logs(*case) for case in cases], axis=0), source, spread=True)


def slope_lines(table: list[Slope]) -> list[str]:
    """The table in Markdown; what a change is worth in points of SpO2 is its red over green by that of one point."""
    per_point = table[0].logs[0]  # of SpO2 falling by one point
    lines = [
        "| what changes | red/green | blue/green | green's pulse | red/green is as if SpO2 changed by | sign and size from |",
        "|---|---|---|---|---|---|",
    ]
    for slope in table:
        form = "SD {:.1f}" if slope.spread else "{:+.1f}"
        points = slope.logs[0] / per_point * (1 if slope.spread else -1)
        cells = [f"{form.format(100 * value)} %" for value in slope.logs]
        lines.append(f"| {slope.change} | {' | '.join(cells)} | {form.format(points)} | {slope.source} |")
    return lines


def publish(table: list[Slope], page: Path = PAGE) -> None:
    """Put the table into the page, between its two marks."""
    write_between(page, BEGIN, END, slope_lines(table))


def draw(pulses: Pulses, path: Path = PICTURE) -> None:
    """The spectrum of the median person's pulse, and where the worlds' pulses lie beside what is published."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    spectrum, plane = figure.subplots(1, 2)
    top = pulsatility(MEDIAN).max()
    for saturation, colour in ((1.0, "#b2182b"), (0.9, "#762a83"), (0.8, "#2166ac")):
        spectrum.plot(WAVELENGTHS_NM, pulsatility(MEDIAN, saturation) / top, color=colour, label=f"SpO2 {100 * saturation:.0f} %")
    spectrum.set(xlabel="wavelength, nm", ylabel="pulse (AC/DC), relative", xlim=(400, 700), ylim=(0, None))
    spectrum.legend(frameon=False)
    plane.scatter(pulses.red, pulses.blue, s=7, color="#999999", linewidths=0, label=f"{len(pulses.red)} worlds, 97 %")
    plane.scatter(*PUBLISHED, marker="*", s=140, color="#b2182b", label="published, white light")
    plane.scatter(*REAL_CLIP, marker="D", s=45, color="#2166ac", label="a face in a public clip")
    corner, size = (RED_RANGE[0], BLUE_RANGE[0]), (RED_RANGE[1] - RED_RANGE[0], BLUE_RANGE[1] - BLUE_RANGE[0])
    plane.add_patch(Rectangle(corner, *size, fill=False, linestyle="--", label="range of real clips"))
    plane.set(xlabel="red over green", ylabel="blue over green", xlim=(0, 1), ylim=(0, 1))
    legend = plane.legend(frameon=False, loc="lower right", fontsize=8)
    legend.legend_handles[0].set_sizes([WORLD_IN_LEGEND])
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=110)


def frame_rows() -> list[Row]:
    """CPU time of one frame, one thread, with everything on: noise, denoising over time and space, sharpening, an S-curve."""
    cv2.setNumThreads(1)
    busy = Camera("phone", REFERENCE, contrast=0.3, sharpening=0.5, spatial_denoising=0.3, temporal_denoising=0.5)
    rows = []
    for what, camera in (("all steps", busy), ("noise and tone curve alone", Camera("industrial", REFERENCE))):
        seen = colours(D65, camera.sensor)
        rng = np.random.default_rng(0)
        raw = seen.skin(rng.uniform(0.02, 0.2, (HEIGHT, WIDTH)), 0.027).astype(np.float32)
        plan, past = shots(camera, D65, seen, np.arange(FRAMES) / 30, HEIGHT, raw.mean(axis=(0, 1)), 0), np.empty_like(raw)
        taken_s = []
        for frame in range(FRAMES):
            start_s = time.process_time()
            develop(raw, plan, frame, past)
            taken_s.append(time.process_time() - start_s)
        rows.append(Row(f"a {WIDTH}x{HEIGHT} frame developed, {what}: median of {FRAMES}", 1e3 * statistics.median(taken_s),
                        "CPU ms", better="lower", must=7.0, aim=5.0))  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.optics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}, the picture into {PICTURE}")
    arguments = parser.parse_args()
    pulses = world_pulses(arguments.worlds, arguments.seed)
    write_rows("optics", pulse_rows(pulses) + calibration_rows(arguments.seed) + frame_rows())
    if arguments.publish:
        publish(slopes())
        draw(pulses)


if __name__ == "__main__":
    main()
