"""`tast anchor` and `tast calibrate`: what a model is off for a person, and how it reads a camera, kept for `tast predict`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tast.cli.output import AsJson, counting, say, say_json, show, working
from tast.cli.predict import asked_of_each, saved_model
from tast.crew.each import do_each, workers_that_fit
from tast.errors import BadInput
from tast.pages.page import number, percentage
from tast.prediction import MIN_QUALITY


def anchor(
    video: Annotated[Path, typer.Argument(help="A video, or a folder of PURE's images.")],
    reading: Annotated[list[str], typer.Option("--anchor", help="SpO2 that is known: 97, 12=96, rest, or a table of readings.")],
    out: Annotated[Path, typer.Option(help="File to write, for `tast predict --anchor`; its name ends in .json.")],
    model: Annotated[str, typer.Option(help="As of `tast predict`.")] = "models/tast_net",
    profile: Annotated[Path | None, typer.Option(help="Of the camera and lamp; the anchor then holds with it alone.")] = None,
    min_quality: Annotated[float, typer.Option(min=0, max=1, help="A video of a lower mean quality is refused.")] = MIN_QUALITY,
) -> None:
    """Keep what a model is off for one person under one camera and light, for their other recordings.

    It holds for that person, camera and light alone, and for this model: of another model it is refused; another lamp or a camera
    that set its white balance anew nobody can tell from it.

    Examples:

    `tast anchor anna/monday.mp4 --anchor 97 --out anna.json`

    `tast predict anna/tuesday.mp4 --anchor anna.json`

    `tast anchor anna/monday.mp4 --anchor 97 --profile webcam.json --out anna.json`

    `tast predict anna/tuesday.mp4 --anchor anna.json --profile webcam.json`
    """
    if out.suffix != ".json":
        raise typer.BadParameter(f"{out.name!r} does not end in .json", param_hint="--out")
    from tast.errors import VideoRejected  # they take seconds to import, which other commands need not wait for
    from tast.prediction.anchoring import KeptAnchor, write_anchor
    from tast.prediction.batch import predict_videos
    from tast.prediction.sources import find_videos
    from tast.prediction.trace import PredictedTrace
    from tast.saved_model import weights_digest

    (found, *others) = find_videos([video])
    if others:
        raise BadInput(video, f"{1 + len(others)} videos", "one (`tast anchor` keeps what a model is off in one recording)")
    with saved_model(model) as folder:
        asked = asked_of_each(folder, reading, profile, min_quality=min_quality)
        with working("read"):
            (outcome,) = predict_videos([found], folder, asked, workers=1, on_outcome=lambda *_: None)
        if not isinstance(outcome, PredictedTrace) or outcome.anchor is None:
            raise VideoRejected(found.name, getattr(outcome, "reason", "it is not anchored"))
        known, read_by = outcome.anchor, outcome.profile.fingerprint if outcome.profile else ""
        kept = KeptAnchor(found.name, known.percent, known.sd_percent, known.readings, read_by)
        write_anchor(out, kept, weights_digest(folder))
    sd = number(outcome.anchor.sd_percent, 1)
    say(f"{out}: {found.name} is read {number(outcome.anchor.percent, 1)} points too high (1 SD {sd})")


def calibrate(
    recordings: Annotated[Path, typer.Argument(help="Folder with recordings.csv, as of the data set `csv` (docs/datasets.md).")],
    out: Annotated[Path, typer.Option(help="File to write, for `tast predict --profile`; its name ends in .json.")],
    model: Annotated[str, typer.Option(help="As of `tast predict`.")] = "models/tast_net",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes of 1 to 2 GB each; by default one per core.")] = None,
    min_quality: Annotated[float, typer.Option(min=0, max=1, help="A video of a lower mean quality is refused.")] = MIN_QUALITY,
    as_json: AsJson = False,
) -> None:
    """Learn what a model reads under one camera and lamp, from recordings with an oximeter beside them.

    What it is worth is shown on recordings left out, each person's in turn, beside the others' mean and beside who says that SpO2
    stays what it was. Two recordings at least, in one of which SpO2 moves by 4 points: one level fixes an offset (`tast anchor`),
    never a slope. Of one person alone, the profile is that person's.

    Examples:

    `tast calibrate webcam --out webcam.json`

    `tast predict visit.mp4 --profile webcam.json`

    `tast predict visit.mp4 --profile webcam.json --anchor 97`
    """
    if out.suffix != ".json":
        raise typer.BadParameter(f"{out.name!r} does not end in .json", param_hint="--out")
    from tast.clip_store import Reject
    from tast.datasets.recordings import read_recordings  # they take seconds to import, which other commands need not wait for
    from tast.prediction.batch import read_recording
    from tast.prediction.calibrating import calibrate as learn
    from tast.prediction.calibrating import table_of
    from tast.prediction.profiles import write_profile
    from tast.saved_model import weights_digest

    items = list(read_recordings(recordings))
    records = [item for item in items if not isinstance(item, Reject)]
    refused = [item for item in items if isinstance(item, Reject)]
    with saved_model(model) as folder, counting("read", len(records)) as done_one:
        read = partial(read_recording, model_folder=folder, min_quality=min_quality)
        seconds = do_each(read, records, workers=workers or workers_that_fit(1), on_result=lambda *_: done_one())
        refused += [one for one in seconds if isinstance(one, Reject)]
        for one in [] if as_json else refused:
            say(f"left out: {one.record_id}: {one.reason}")
        profile, left_out = learn(one for one in seconds if not isinstance(one, Reject))
        write_profile(out, profile, weights_digest(folder))
    is_no_better = left_out.rmse >= left_out.constant_rmse
    if as_json:
        names = ("read", "rmse_percent", "beside", "its_rmse_percent")
        say_json({
            "out": out, "gain": profile.gain, "recordings": profile.n_recordings, "people": profile.interval.n_subjects,
            "person": profile.person, "coverage": profile.interval.coverage,
            "half_width_percent": profile.interval.half_width_percent,
            "left_out": [dict(zip(names, row, strict=True)) for row in table_of(left_out)],
            "no_better_than_the_mean": is_no_better,
            "refused": [{"record_id": one.record_id, "reason": one.reason} for one in refused],
        })  # fmt: skip
        return
    table = Table("recordings left out", "RMSE (% SpO2)", "beside", "RMSE (% SpO2)")
    for how, rmse, beside, other in table_of(left_out):
        table.add_row(how, number(rmse), beside, number(other))
    show(table)
    half = number(profile.interval.half_width_percent, 1)
    say(f"{out}: gain {number(profile.gain)}, of {profile.n_recordings} recordings of {profile.interval.n_subjects} people")
    say(f"{percentage(profile.interval.coverage)} interval without an anchor: ± {half}")
    if profile.person:
        say(f"of {profile.person} alone: it holds for nobody else")
    if is_no_better:
        say("alone it is no better than the others' mean: anchor what it reads")
