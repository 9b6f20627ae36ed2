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

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from tast.digests import CHANGED, OWN, content_digest
from tast.errors import BadInput
from tast.files import whole_file
from tast.methods.method import method_named
from tast.records import SourceFacts
from tast.training.anchored_interval import AnchoredInterval
from tast.training.change_reader import SLOPES, ChangeReader
from tast.training.domain import Spread
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling

WEIGHTS = "model.safetensors"
CARD = "model.json"


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
    if hashlib.sha256(weights.read_bytes()).hexdigest() != weights_sha256:
        raise BadInput(weights, "these are not the weights that model.json describes", f"sha256 {weights_sha256}")
    try:
        method = method_named(card.model_name)
    except ValueError as error:
        raise BadInput(folder / CARD, f"model_name {card.model_name!r}", str(error).partition("; ")[2]) from None
    model = method.restore(card.config)
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


def _read_card(path: Path) -> tuple[ModelCard, str]:
    if not path.is_file():
        raise BadInput(path, "no such file", "a saved model (run the train stage: `dvc repro train`)")
    try:
        content = json.loads(path.read_text())
        own = content.pop(OWN, None)  # cards that an earlier release wrote have none
        if own not in (None, content_digest(content)):
            raise BadInput(path, CHANGED, "the card of a saved model (train it anew, or bring it back: `dvc checkout models`)")
        weights_sha256 = content.pop("weights_sha256")
        interval, people = content.pop("interval", None), content.pop("people_seen", None)  # models of before have none
        anchored = content.pop("anchored_interval", None)
        content |= {"scaling": LabelScaling(**content["scaling"]), "interval": interval and PredictionInterval(**interval)}
        content |= {"anchored_interval": anchored and AnchoredInterval(**anchored)}
        change = content.pop("change", None)
        content |= {"change": change and ChangeReader(**change | {name: tuple(change[name]) for name in SLOPES})}
        content |= {"domain": {name: _spread(one) for name, one in content.pop("domain", {}).items()}}
        codecs = content.pop("codecs", {})  # a list of names, in cards that an earlier release wrote, says of no rate
        content |= {"people_seen": None if people is None else tuple(people)}
        content |= {"codecs": {name: float(bits) for name, bits in codecs.items()} if isinstance(codecs, dict) else {}}
        return ModelCard(**content), weights_sha256
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInput(path, f"not JSON ({error})", "the card of a saved model") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(path, f"not a model's card ({error})", f"the keys {', '.join(ModelCard.__dataclass_fields__)}") from error


def _spread(content: dict[str, Any]) -> Spread:
    return Spread(tuple(content["mean"]), tuple(map(tuple, content["precision"])), float(content["limit"]))


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
