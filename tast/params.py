"""params.yaml as frozen sections, one per stage; an unknown key is an error that names the known ones.

Read by flows and the CLI only. Functions further in take plain values, never a section. A DVC stage names the sections that it
reads (`stage_params`), so that DVC knows of all of them; everybody else reads the whole (`load_params`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from ruamel.yaml.error import YAMLError

from tast.errors import BadInput, shortened
from tast.texts import read_text
from tast.yaml_text import yaml_of

Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
MOST_BYTES = 2**20  # of params.yaml
DEVELOPMENT_SEEDS = range(1_000_000)  # of phantoms that choices are made on; figures come from others: benchmarks/seeds.py


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(Section):
    """One data set: its name, and its folder, archive or URL."""

    name: Literal[
        "phantom", "pure", "vipl_hr", "csv", "mcd_rppg", "sums", "ladh", "physdrive", "oximetry_phone_cam", "mths", "traces"
    ]
    root: str | None = None

    @model_validator(mode="after")
    def _real_data_needs_a_root(self) -> Self:
        if self.name not in ("phantom", "oximetry_phone_cam") and not self.root:
            raise ValueError(f"dataset.root must name the folder, archive or URL of {self.name}")
        return self


class Dataset(Source):
    include_nir: bool = False
    second: Source | None = None

    @model_validator(mode="after")
    def _two_data_sets_have_two_names(self) -> Self:
        if self.second and self.second.name == self.name:
            raise ValueError(f"dataset.second must be another data set than {self.name}")
        return self

    @property
    def sources(self) -> tuple[Source, ...]:
        return (self,) if self.second is None else (self, self.second)


class Compression(Section):
    codec: Literal["mjpeg", "h264"]
    quality: Annotated[int, Field(ge=0)]


class Worlds(Section):
    """heads: of each subject. The pools are tast.phantom.world.Pools'; those that are not given hold all that there is."""

    count: PositiveInt
    heads: PositiveInt = 1
    lamps: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    sensors: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    cameras: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    codings: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    rates_hz: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = None
    faces: tuple[PositiveInt, PositiveInt] | None = None


class Phantom(Section):
    layout: Literal["pure", "vipl_hr", "csv"]
    worlds: Worlds | None = None
    seed: Annotated[int, Field(ge=DEVELOPMENT_SEEDS.start, lt=DEVELOPMENT_SEEDS.stop)]
    subjects: PositiveInt
    sessions: PositiveInt
    seconds: Positive
    fps_hz: Positive
    width_px: PositiveInt
    height_px: PositiveInt
    face_height_px: PositiveInt
    profile: Literal["wide", "narrow", "from_rest"]
    scenarios: Annotated[tuple[str, ...], Field(min_length=1)] | Literal["all"]
    compression: Compression
    sources: Annotated[tuple[Annotated[int, Field(ge=1, le=4)], ...], Field(min_length=1)]
    defects: bool
    driver: Literal["simulated", "recorded"]
    recorded_root: str | None = None
    moving_pieces: PositiveInt | None = None

    @model_validator(mode="after")
    def _recorded_waves_need_a_root(self) -> Phantom:
        if self.driver == "recorded" and not self.recorded_root:
            raise ValueError("download.phantom.recorded_root must name the folder of oximetry_phone_cam, mths or traces")
        return self


class Download(Section):
    accept_licence: bool = False
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    base_url: str | None = None
    phantom: Phantom


class Align(Section):
    roi_size_px: PositiveInt
    smooth_s: NonNegative
    detect_every_s: Positive
    landmarks_every_s: NonNegative
    max_gap_s: NonNegative


class Mask(Section):
    mesh_every_frames: PositiveInt
    erode_px: Annotated[int, Field(ge=0)]
    skin_only: bool
    overexposed_level: Annotated[float, Field(gt=0, le=256)] | None
    low_gradient_share: Annotated[float, Field(gt=0, le=1)]


class Magnify(Section):
    levels: PositiveInt
    residual: bool
    low_hz: Positive
    high_hz: Positive
    alpha: NonNegative
    filter: Literal["butterworth", "ideal", "iir"]
    skip_finest: Annotated[int, Field(ge=0)]
    cutoff_wavelength_px: Positive | None
    colour_space: Literal["rgb", "yiq"]
    chroma_attenuation: Fraction

    @model_validator(mode="after")
    def _band(self) -> Magnify:
        if self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz ({self.low_hz}) must be below high_hz ({self.high_hz})")
        if self.skip_finest > self.levels:
            raise ValueError(f"skip_finest ({self.skip_finest}) must not exceed levels ({self.levels})")
        if self.colour_space == "rgb" and self.chroma_attenuation != 1:
            raise ValueError("chroma_attenuation is of colour_space yiq; rgb has no chroma")
        return self


class Clips(Section):
    size_px: PositiveInt
    fps_hz: Positive
    length_s: PositiveInt
    hop_s: PositiveInt
    max_missing_labels: Fraction


class Preprocess(Section):
    max_reject_fraction: Fraction
    spo2_min_percent: float
    spo2_max_percent: float
    label_delay_s: float
    align: Align
    mask: Mask
    magnify: Magnify
    clips: Clips


Protocol = Literal["subject_independent", "clip_random", "leave_one_subject_out", "leave_worlds_out", "official", "cross_dataset"]


class Split(Section):
    protocol: Protocol
    seed: int
    folds: Annotated[int, Field(ge=2)]
    fold: Annotated[int, Field(ge=0)]
    val_fraction: Annotated[float, Field(gt=0, lt=1)]
    stratify: bool


class Augmentation(Section):
    stretch: NonNegative
    flip: Fraction
    shift_cells: Annotated[int, Field(ge=0)]
    drop_fraction: Fraction
    noise: NonNegative
    shift_frames: Annotated[int, Field(ge=0)]
    brightness: NonNegative


class Train(Section):
    method: str
    options: dict[str, Any]
    input: Literal["pulse_locked", "normalised", "magnified", "light", "difference"]
    whiten_colour: bool
    frame_size_px: PositiveInt
    seed: int
    epochs: PositiveInt
    patience: PositiveInt
    batch_size: PositiveInt
    sampler: Literal["shuffled", "balanced"]
    learning_rate: Positive
    schedule: Literal["cosine", "one_cycle"]
    warm_up: Annotated[float, Field(gt=0, lt=1)]
    weight_decay: NonNegative
    gradient_clip: Positive
    ema_epochs: NonNegative
    mse_weight: NonNegative
    pearson_weight: NonNegative
    augmentation: Augmentation
    accelerator: Literal["cpu", "cuda"]
    processes: PositiveInt
    precision: Literal["fp32", "bf16", "auto"]
    compile: bool | Literal["auto"]
    channels_last_3d: bool
    threads: PositiveInt


class Evaluate(Section):
    bootstrap: PositiveInt
    seed: int


class Table(Section):
    protocols: tuple[Protocol, ...]
    methods: Annotated[tuple[str, ...], Field(min_length=1)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    folds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for name, values in self:
            if len(set(values)) < len(values):
                raise ValueError(f"table.{name} must not name the same twice")
        return self


class Compute(Section):
    instruction_set: Literal["avx2", "native"]


class Publish(Section):
    experiment: str
    model_name: str


class Promote(Section):
    judged: Literal["level", "change"]
    fewest_subjects: Annotated[int, Field(ge=2)]  # of one person there is no interval
    margin_percent: NonNegative
    confidence: Fraction
    group_tolerance_percent: NonNegative
    draws: PositiveInt
    seed: int


class Runner(Section):
    kind: Literal["local", "dask"]
    workers: PositiveInt
    memory_gb: Positive
    address: str | None = None
    store: str | None = None

    def here(self) -> dict[str, Any]:
        """A crew for do_each() that sees this project's folder: where a store stands between, processes of this machine."""
        asked = self.model_dump(exclude={"store"})
        return asked if self.store is None else {**asked, "kind": "local", "address": None}

    def away(self) -> dict[str, Any]:
        """Empty, or the store, and the crew of machines that see it and not this project's folder."""
        return {} if self.store is None else self.model_dump(exclude={"store"}) | {"url": self.store}

    @model_validator(mode="after")
    def _of_a_cluster(self) -> Self:
        if self.store is not None and self.kind != "dask":
            raise ValueError(f"store is for machines of a cluster; expected kind: dask, found {self.kind}")
        return self


class Params(Section):
    dataset: Dataset
    download: Download
    preprocess: Preprocess
    split: Split
    train: Train
    evaluate: Evaluate
    table: Table
    compute: Compute
    publish: Publish
    promote: Promote
    runner: Runner

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:
                named = ", ".join(sorted(self.model_fields_set))
                raise AttributeError(f"section {name!r} of params.yaml was not asked for; stage_params() was given {named}")
            return super().__getattr__(name)


HOW = frozenset({"runner"})  # how work is done, never what comes out: a stage reads it, and DVC need not know


def load_params(path: Path = Path("params.yaml")) -> Params:
    """params.yaml, checked; a mistake is one line that names the key, the value and what was expected."""
    if not path.exists():
        raise BadInput(path, "no such file", "the project's params.yaml (run from the project's top folder)")
    try:
        raw = yaml_of(read_text(path, "a YAML mapping", MOST_BYTES))
    except YAMLError as error:
        raise BadInput(path, f"not YAML ({' '.join(str(error).split())})", "a YAML mapping") from None
    if not isinstance(raw, dict):
        raise BadInput(path, f"a {type(raw).__name__}", f"a mapping with the sections {', '.join(Params.model_fields)}")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise _first_mistake(path, error) from None


def stage_params(*sections: str, path: Path = Path("params.yaml")) -> Params:
    """params.yaml for a DVC stage, checked as a whole, with these sections alone: reading another raises AttributeError.

    What a stage names here, as literals, is what dvc.yaml lists for it as params (less HOW): flows.stage_deps writes that list.
    """
    params = load_params(path)
    return Params.model_construct(**{name: getattr(params, name) for name in sections})


def changed(params: Params, changes: Mapping[str, Any]) -> Params:
    """The parameters with other values at dotted keys (`train.options.branches`), checked as params.yaml is; of a stage's, the
    sections that it was given."""
    values = params.model_dump()
    given: dict[str, Any] = {name: (Params.model_fields[name].annotation, ...) for name in values}
    for key, value in changes.items():
        *sections, name = key.split(".")
        section: Any = values
        for part in sections:
            section = section.get(part, {}) if isinstance(section, dict) else {}
        if not isinstance(section, dict) or name not in section:
            raise BadInput(key, "no such parameter", "a dotted key of params.yaml, such as train.epochs")
        section[name] = value
    try:
        checked = create_model("Given", __base__=Section, **given).model_validate(values)
    except ValidationError as error:
        raise _first_mistake(Path("params.yaml"), error) from None
    return Params.model_construct(**{name: getattr(checked, name) for name in values})


def _first_mistake(path: Path, error: ValidationError) -> BadInput:
    mistakes = error.errors()
    mistake = next((m for m in mistakes if m["type"] == "extra_forbidden"), mistakes[0])  # a misspelt key explains a missing one
    where = [str(part) for part in mistake["loc"]]
    key = ".".join(where)
    if mistake["type"] == "extra_forbidden":
        known = list(_section_at(where[:-1]).model_fields)
        near = difflib.get_close_matches(where[-1], known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return BadInput(path, f"unknown key {shortened(key, 80)!r}{hint}", f"one of {', '.join(known)}")
    if mistake["type"] == "missing":
        return BadInput(path, f"key {key!r} is missing", "a value")
    return BadInput(path, f"{key} = {mistake['input']!r}", str(mistake["msg"]))


def _section_at(where: list[str]) -> type[BaseModel]:
    section: Any = Params
    for name in where:
        kind = section.model_fields[name].annotation
        section = next((one for one in get_args(kind) if one is not type(None)), kind)  # Source | None
    return section
