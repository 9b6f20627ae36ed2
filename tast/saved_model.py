"""A trained model on disk: weights as safetensors, all else that a prediction needs as JSON, so that the two cannot drift apart.

    model.safetensors    weights
    model.json           the card: which network, of which sizes, on what input, from which preprocessing, data and code

The same model gives the same bytes. Loading refuses clips that were preprocessed otherwise than the training's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from tast.digests import CHANGED, OWN, content_digest
from tast.errors import BadInput, shortened
from tast.files import whole_file
from tast.methods.method import method_named
from tast.records import SourceFacts
from tast.texts import read_json
from tast.training.anchored_interval import AnchoredInterval
from tast.training.change_reader import ChangeReader
from tast.training.domain import Spread
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling

WEIGHTS = "model.safetensors"
CARD = "model.json"
MOST_BYTES = 2**24  # of a card; one of a thousand people has 50 kB
LARGEST_SIZE = 100_000  # of anything in a network's or preprocessing's sizes
NOT_TO_BE_BUILT = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class ModelCard:
    """What a saved model is.

    model_name: of a method (tast.methods). config: every size of the network (its config dataclass as a dict). preprocessing:
    the parameters that its clips were made with. input_kind, frame_size_px: see tast.training.inputs. data_digest: of the clip
    store that it was trained on. code_version: release of this project (the commit stands in MLflow: here each would change the
    model's bytes). interval, anchored_interval: how far its predictions may be off, without and with an anchor; None: unknown.
    change: what follows SpO2 from an anchor on, beside the network; None where the network alone does.
    domain: what its training clips' colours are (tast.training.domain); empty where unknown: then nothing is said to lie outside.
    codecs: of the videos that it was trained on, by FFmpeg's names, sorted -> fewest bits a pixel of any of them: so far its
    interval knows what the codec loses. The same codec without loss and with it are two things. Empty: unknown.
    people_seen: everybody that it was trained or validated on (tast.people.person_of), sorted: on nobody else can it be judged
    fairly; None where unknown, in cards that an earlier release wrote.
    """

    model_name: str
    config: dict[str, Any]
    preprocessing: dict[str, Any]
    input_kind: str
    frame_size_px: int
    scaling: LabelScaling
    data_digest: str
    code_version: str
    interval: PredictionInterval | None = None
    people_seen: tuple[str, ...] | None = None
    anchored_interval: AnchoredInterval | None = None
    domain: Mapping[str, Spread] = field(default_factory=dict)
    change: ChangeReader | None = None
    codecs: Mapping[str, float] = field(default_factory=dict)

    def knows_losses_of(self, facts: SourceFacts) -> bool:
        """Whether videos of this codec, with no more bits a pixel, were among those that it was trained on."""
        return facts.codec in self.codecs and facts.bits_per_pixel >= self.codecs[facts.codec]

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The data sets of people_seen, sorted; empty where these are unknown."""
        return tuple(sorted({person.split("/", 1)[0] for person in self.people_seen or () if "/" in person}))


def save_model(folder: Path, model: nn.Module, card: ModelCard) -> None:
    """Write the two files, each replaced in one step; the card has its own sha256 and the weights': halves of two never pass."""
    weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()})
    content = {**asdict(card), "weights_sha256": hashlib.sha256(weights).hexdigest()}
    content[OWN] = content_digest(content)
    _replace(folder / WEIGHTS, weights)
    _replace(folder / CARD, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def load_model(folder: Path, *, expected_preprocessing: dict[str, Any] | None = None) -> tuple[nn.Module, ModelCard]:
    """The model, in evaluation mode, and its card.

    Raises BadInput where a file is missing or damaged, where the two do not belong together, and where `expected_preprocessing`
    (of the clips that are to be predicted) differs from the training's: the differing keys are named.
    """
    card, weights_sha256 = _read_card(folder / CARD)
    if expected_preprocessing is not None:
        differences = preprocessing_differences(card.preprocessing, expected_preprocessing)
        if differences:
            expected = "clips made with the training's preprocessing parameters"
            raise BadInput(folder / CARD, f"the clips were preprocessed otherwise: {differences}", expected)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise BadInput(weights, "no such file", "the weights of a saved model")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != weights_sha256:
        raise BadInput(weights, "these are not the weights that model.json describes", f"sha256 {weights_sha256}")
    model = _restored(folder / CARD, card)
    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise BadInput(weights, " ".join(str(error).split()), f"the weights of {card.model_name}") from error
    return model.eval(), card


def read_card(folder: Path) -> ModelCard:
    """The card of a saved model alone. Raises BadInput where there is none, or where it is damaged."""
    return _read_card(folder / CARD)[0]


def weights_digest(folder: Path) -> str:
    """sha256 of a saved model's weights, as its card has it: two models of one digest are one. Raises as read_card."""
    return _read_card(folder / CARD)[1]


class _Checked(BaseModel):
    """Every field of the card, and of what stands in it, of its type and finite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    card: ModelCard
    weights_sha256: str


def _read_card(path: Path) -> tuple[ModelCard, str]:
    if not path.exists():
        raise BadInput(path, "no such file", "a saved model (run the train stage: `dvc repro train`)")
    content = read_json(path, "the card of a saved model", MOST_BYTES)
    expected = f"the keys {', '.join(ModelCard.__dataclass_fields__)}"
    if not isinstance(content, dict):
        raise BadInput(path, f"not a model's card (a {type(content).__name__})", expected)
    weights_sha256 = content.pop("weights_sha256", None)
    own = content.pop(OWN, None)  # cards that an earlier release wrote have none
    if own not in (None, content_digest(content | {"weights_sha256": weights_sha256})):
        raise BadInput(path, CHANGED, "the card of a saved model (train it anew, or bring it back: `dvc checkout models`)")
    if not isinstance(content.get("codecs", {}), dict):  # a list of names, in cards of an earlier release, says of no rate
        content["codecs"] = {}
    try:
        checked = _Checked.model_validate_json(json.dumps({"card": content, "weights_sha256": weights_sha256}))
    except ValidationError as error:
        mistake = error.errors()[0]
        place = ".".join(str(part) for part in mistake["loc"] if part != "card")
        raise BadInput(path, f"not a model's card ({shortened(place, 80)}: {mistake['msg']})", expected) from None
    card = checked.card
    _require_sound(path, card)
    return card, checked.weights_sha256


def _require_sound(path: Path, card: ModelCard) -> None:
    """Numbers that no training gives: they would fall in the middle of a video, or pass for a result."""
    scaling, interval = card.scaling, card.interval
    if scaling.deviation_percent <= 0 or scaling.lowest_percent >= scaling.highest_percent:
        raise BadInput(path, f"{scaling}", "a deviation above 0, and a lowest below the highest")
    if interval and not (0 < interval.coverage < 1 and interval.half_width_percent >= 0):
        raise BadInput(path, f"{interval}", "a coverage between 0 and 1, and no width below 0")
    sizes = flat({"config": card.config, "preprocessing": card.preprocessing})
    for key, value in sizes.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int | float) and not abs(one) <= LARGEST_SIZE:
                raise BadInput(path, f"{shortened(key, 80)} = {one}", f"at most {LARGEST_SIZE:,}, of either sign")


def _restored(path: Path, card: ModelCard) -> nn.Module:
    """The network that the card describes, with new weights."""
    try:
        method = method_named(card.model_name)
    except ValueError as error:
        name = shortened(card.model_name, 80)
        raise BadInput(path, f"model_name {name!r}", str(error).partition("; ")[2]) from None
    try:
        return method.restore(card.config)
    except NOT_TO_BE_BUILT as error:
        found = f"config is of no network ({type(error).__name__}: {error})"
        raise BadInput(path, found, f"the sizes of a {card.model_name}") from None


def preprocessing_differences(trained: dict[str, Any], expected: dict[str, Any]) -> str:
    """The parameters in which a training's clips were preprocessed otherwise than others, in words; empty where they agree."""
    then, now = flat(trained), flat(expected)
    differing = [key for key in sorted(then.keys() | now.keys()) if then.get(key) != now.get(key)]
    return "; ".join(f"{key} was {then.get(key, 'absent')} in training, is {now.get(key, 'absent')}" for key in differing)


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, with dotted keys; tuples as lists, as JSON has them."""
    leaves: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            leaves.update(flat(value, f"{prefix}{key}."))
        else:
            leaves[prefix + key] = list(value) if isinstance(value, tuple) else value
    return leaves


def _replace(target: Path, content: bytes) -> None:
    with whole_file(target) as part:
        part.write_bytes(content)
