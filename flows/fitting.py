"""A model of the method that the parameters name: built, fitted, described; for the stage that trains, and for tables of many."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from tast import __version__
from tast.clip_store import ClipStore
from tast.errors import TastError
from tast.methods.method import Method, method_named
from tast.params import Train
from tast.people import person_of, recording_of
from tast.saved_model import ModelCard
from tast.training.anchored_interval import anchored_errors, fit_anchored_interval
from tast.training.augmentation import Augmentation
from tast.training.change_reader import ChangeReader, Start, best_start, fit_change_reader, left_out_changes, mixed
from tast.training.change_scale import fit_change_scale
from tast.training.colour_axes import fit_colour_axes
from tast.training.compute import compiles, fabric_for, precision_of
from tast.training.dataset import ClipDataset
from tast.training.domain import fit_domain
from tast.training.inference import labelled, predict
from tast.training.interval import fit_interval
from tast.training.labels import PERCENT, LabelScaling, fit_label_scaling
from tast.training.loop import fit
from tast.training.settings import EpochRecord, FitSettings, History

if TYPE_CHECKING:
    from lightning.fabric import Fabric

DOMAIN_CLIPS = 600  # whose colours say what a model was trained on


def fabric_of(params: Train) -> Fabric:
    """Where to compute: this process alone, or as one of those that torchrun started."""
    per_node, of_all = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), int(os.environ.get("WORLD_SIZE", 1))
    precision = precision_of(params.precision, params.accelerator)
    fabric = fabric_for(accelerator=params.accelerator, precision=precision, processes=per_node, nodes=of_all // per_node)
    fabric.launch()
    warnings.filterwarnings("ignore", message="Grad strides do not match")  # 1x1x1 kernels have no channels-last layout to match
    return fabric


def fit_model(
    params: Train, store: ClipStore, train_clips: ClipDataset, val_clips: ClipDataset, checkpoints: Path, *,
    on_epoch: Callable[[EpochRecord], None] | None = None, fabric: Fabric | None = None,
) -> tuple[torch.nn.Module, History, ModelCard]:  # fmt: skip
    """Build, fit and describe one model. Call compute_reproducibly first: the initial weights come from torch's random state."""
    axes = fit_colour_axes(train_clips).tolist() if params.whiten_colour else None
    model = new_network(params, frames=train_clips.frames, seconds=train_clips.seconds, colour_axes=axes)
    method = wanted_method(params)
    scaling = fit_label_scaling(train_clips.spo2_percent) if method.unit == "standardised" else PERCENT
    history = fit(
        model, train_clips, val_clips, settings_of(params), scaling=scaling, checkpoint_folder=checkpoints, on_epoch=on_epoch,
        fabric=fabric or fabric_of(params), program="flows.stages.train", loss=method.loss, pulse_loss=method.pulse_loss,
    )  # fmt: skip
    start, change, validated = follow_changes(model, scaling, train_clips, val_clips.every_second())
    change, anchored = scaled_by_left_out(change, validated, changes_left_out(change, start, train_clips.every_second()))
    card = ModelCard(
        model_name=params.method, config=asdict(cast(Any, model.config)), preprocessing=store.preprocessing,
        input_kind=params.input, frame_size_px=params.frame_size_px, scaling=scaling, data_digest=store.digest,
        code_version=__version__, interval=fit_interval(validated),
        anchored_interval=fit_anchored_interval(anchored), change=change, domain=fit_domain(evenly(train_clips)),
        codecs=_fewest_bits(train_clips.clips),
        people_seen=tuple(sorted({*person_of(train_clips.clips), *person_of(val_clips.clips)})),
    )  # fmt: skip
    return model, history, card


def _fewest_bits(clips: pd.DataFrame) -> dict[str, float]:
    """Codec -> bits a pixel of the video that has fewest; of videos whose codec and rate are known."""
    fewest = clips[clips["codec"] != ""].groupby("codec")["bits_per_pixel"].min().dropna()
    return {str(codec): float(bits) for codec, bits in fewest.items()}


def follow_changes(
    model: torch.nn.Module, scaling: LabelScaling, train_clips: ClipDataset, val_windows: ClipDataset
) -> tuple[Start, ChangeReader | None, pd.DataFrame]:
    """What the line was fitted from, what a change is read by, and the validation windows as tast.training.inference.predict
    gives them with it.

    The line is fitted on the training clips; how much of a change is the network's, the validation decides.
    """
    validated = predict(model, val_windows, scaling)
    clips = train_clips.clips
    of_clips = train_clips.colours, train_clips.spo2_percent, recording_of(clips), person_of(clips)
    start = best_start(*of_clips, apart_from(clips))
    line = fit_change_reader(*of_clips, start)
    return (start, None, validated) if line is None else (start, *mixed(line, validated, val_windows.colours))


def apart_from(clips: pd.DataFrame) -> pd.Series:
    """(N,) what is left out together: a camera's people where each person has one camera and there are several, else a person."""
    cameras, people = clips["dataset"].astype(str) + "/" + clips["camera"].astype(str), person_of(clips)
    own_camera = (clips["camera"] != "").all() and cameras.groupby(people).nunique().eq(1).all() and cameras.nunique() > 1
    return cameras if own_camera else people


def changes_left_out(change: ChangeReader | None, start: Start, train_windows: ClipDataset) -> list[pd.DataFrame]:
    """The training's windows as `predict` would give them, each followed by lines that have seen neither its camera nor its
    person: for the interval, beside the few people of the validation, whose cameras the line has seen.

    None where the network alone follows a change: it has seen them all. Where both do, the line's errors stand for those of the
    mixture, which was chosen for being nearer.
    """
    if change is None or change.network_share == 1:
        return []
    clips = train_windows.clips
    of_windows = train_windows.colours, train_windows.spo2_percent, recording_of(clips), person_of(clips)
    read = left_out_changes(*of_windows, apart_from(clips), start)
    if read is None:
        return []
    return [labelled(train_windows).assign(changing_percent=np.repeat(read, train_windows.seconds))]


def scaled_by_left_out(
    change: ChangeReader | None, validated: pd.DataFrame, left_out: Sequence[pd.DataFrame]
) -> tuple[ChangeReader | None, pd.DataFrame]:
    """The reader with the scale of what was read of people left out, and all rows for the interval, with it.

    A network alone has none: a handful of validation people do not tell what it reads too small.
    """
    rows = pd.concat([validated, *left_out], ignore_index=True)
    if change is None or not left_out:
        return change, rows
    errors = anchored_errors(rows)
    if errors.empty:
        return change, rows
    scale = fit_change_scale(*(errors[name].to_numpy() for name in ("read_percent", "true_percent", "level_percent")))
    return replace(change, scale=scale), rows if scale is None else rows.assign(**scale.columns())


def evenly(clips: ClipDataset) -> Iterator[tuple[npt.NDArray[np.generic], float]]:
    """Frames and rate of up to DOMAIN_CLIPS of them, from all over the set."""
    return (clips.frames_of(int(one)) for one in np.unique(np.linspace(0, len(clips) - 1, DOMAIN_CLIPS).astype(int)))


def new_network(
    params: Train, *, frames: int, seconds: int, colour_axes: Sequence[Sequence[float]] | None = None
) -> torch.nn.Module:
    """Of the method, with the options, that params.yaml asks for. Raises TastError where it has no such option."""
    method = wanted_method(params)
    try:
        options = method.options_of(params.options)
    except (ValueError, TypeError) as error:
        raise TastError(f"params.yaml: {error}") from None
    return method.build(options, frames=frames, size_px=params.frame_size_px, seconds=seconds, colour_axes=colour_axes)


def wanted_method(params: Train) -> Method:
    try:
        return method_named(params.method)
    except ValueError as error:
        raise TastError(f"params.yaml: train.method: {error}") from None


def settings_of(params: Train) -> FitSettings:
    """Section train as the training loop takes it: fields of the same names."""
    values = params.model_dump(include={one.name for one in fields(FitSettings)})
    values |= {"augmentation": Augmentation(**values["augmentation"]), "compile": compiles(params.compile, params.accelerator)}
    return FitSettings(**values)
