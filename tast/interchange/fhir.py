"""Predictions as a FHIR Bundle of one Observation, SampledData of a value a second, and of the Device that made it.

R4 is written by the models of 4.3.0 (R4B), in which Observation, Device and Bundle are what they are in 4.0.1. A second without a
value is `E` in the data, and a component with a dataAbsentReason says why; where no second has a percentage, the Observation has
none. No profile is claimed: the one of vital signs asks for a patient, a time and a single value.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fhir.resources import bundle as r5
from fhir.resources.R4B import bundle as r4b

from tast import __version__
from tast.interchange.seconds import (
    NO_MEDICAL_DEVICE,
    NO_PERCENTAGE,
    NO_VALUE,
    EvenSeconds,
    FloatArray,
    even_seconds,
    runs,
    sentences,
)

if TYPE_CHECKING:
    from tast.prediction.trace import PredictedTrace

Resource = dict[str, Any]

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ABSENT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
SPO2 = [
    {"system": LOINC, "code": "59408-5", "display": "Oxygen saturation in Arterial blood by Pulse oximetry"},
    {"system": LOINC, "code": "2708-6", "display": "Oxygen saturation in Arterial blood"},
]
HEART_RATE = [{"system": LOINC, "code": "8867-4", "display": "Heart rate"}]
METHOD = "estimated from video of the face (remote photoplethysmography), not measured by a pulse oximeter"
ERROR = "E"  # SampledData's word for a sample that is none
PERIOD_MS = 1000

COMPONENTS = {  # id of the component -> its code, unit, UCUM's code of it
    "start_s": ({"text": "when the second begins, since the video's first frame"}, "s", "s"),
    "lower_percent": ({"text": "lower end of the interval of SpO2"}, "%", "%"),
    "upper_percent": ({"text": "upper end of the interval of SpO2"}, "%", "%"),
    "quality": ({"text": "quality, 0 to 1"}, "1", "1"),
    "pulse_per_minute": ({"coding": HEART_RATE, "text": "pulse"}, "/min", "/min"),
    "trend": ({"text": "change of SpO2 since the first seconds, in units of no scale"}, "1", "1"),
}


def write_r4(path: Path, trace: PredictedTrace) -> None:
    _write(path, trace, r4b.Bundle, {"period": PERIOD_MS}, {"deviceName": [_name("name")], "type": _text("software")})


def write_r5(path: Path, trace: PredictedTrace) -> None:
    sampling = {"interval": PERIOD_MS, "intervalUnit": "ms"}
    _write(path, trace, r5.Bundle, sampling, {"name": [_name("value")], "type": [_text("software")]})


def _name(key: str) -> Resource:
    return {key: "TAST", "type": "user-friendly-name"}


def _write(path: Path, trace: PredictedTrace, model: Callable[..., Any], sampling: Resource, device_fields: Resource) -> None:
    """sampling, device_fields: what the release calls the time between samples, and a device's name and type."""
    content = hashlib.sha256(trace.table().to_csv(index=False).encode()).hexdigest()  # the same trace has the same addresses
    device_url, observation_url = (
        uuid.uuid5(uuid.NAMESPACE_OID, f"{one} {__version__} {content}").urn for one in ("device", "observation")
    )
    device = {
        "resourceType": "Device", "status": "active", "version": [{"value": __version__}],
        "note": [{"text": NO_MEDICAL_DEVICE}], **device_fields,
    }  # fmt: skip
    found = model(
        type="collection",
        entry=[
            {"fullUrl": device_url, "resource": device},
            {"fullUrl": observation_url, "resource": _observation(trace, sampling, device_url)},
        ],
    )
    path.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _observation(trace: PredictedTrace, sampling: Resource, device_url: str) -> Resource:
    even = even_seconds(trace)

    def sampled(values: FloatArray, unit: str = "%", code: str = "%") -> Resource:
        origin = {"value": 0, "unit": unit, "system": UCUM, "code": code}
        return {"origin": origin, "dimensions": 1, "data": _data(values), **sampling}

    components = [
        {"id": name, "code": code, "valueSampledData": sampled(even.columns[name], unit, ucum)}
        for name, (code, unit, ucum) in COMPONENTS.items()
        if np.isfinite(even.columns[name]).any()
    ]
    components += [
        {"id": f"may-be-wrong-{name.replace(' ', '-')}", "code": _text(f"may be wrong: {name}"),
         "valueSampledData": sampled(holds.astype(np.float64), "1", "1")}
        for name, holds in even.causes.items()
    ]  # fmt: skip
    percent = even.columns["spo2_percent"]
    is_known = bool(np.isfinite(percent).any())
    value = {"valueSampledData": sampled(percent)} if is_known else {"dataAbsentReason": _absent(NO_PERCENTAGE)}
    return {
        "resourceType": "Observation",
        "status": "preliminary",  # nobody has looked at it
        "code": {"coding": SPO2, "text": "SpO2"},
        "subject": {"display": f"the person in the video {trace.name}"},
        "_effectiveDateTime": {"extension": [{"url": ABSENT_EXTENSION, "valueCode": "unknown"}]},  # no video says so for sure
        "device": {"reference": device_url, "display": f"TAST {__version__}"},
        "method": {"text": METHOD},
        "note": [{"text": text} for text in _notes(trace)],
        **value,
        "component": [*components, *_refused(even)],
    }


def _data(values: FloatArray) -> str:
    """Decimals as the table has them, parted by blanks."""
    return " ".join(f"{value:.10g}" if np.isfinite(value) else ERROR for value in values)


def _refused(even: EvenSeconds) -> list[Resource]:
    """A component for each run of seconds that were not read."""
    return [
        {"id": f"refused-{first}", "code": _text(f"SpO2 from {first} to {last} s"), "dataAbsentReason": _absent(NO_VALUE)}
        for first, last in runs(even.refused)
    ]


def _absent(text: str) -> Resource:
    return {"coding": [{"system": ABSENT, "code": "error" if text == NO_VALUE else "unknown"}], "text": text}


def _notes(trace: PredictedTrace) -> list[str]:
    readings = trace.anchor.readings if trace.anchor else ()
    return [
        *sentences(trace),
        *(
            f"anchor: {one.spo2_percent:g} % (1 SD {one.sd_percent:g}) from {one.begin_s:g} to {one.end_s:g} s"
            for one in readings
        ),
    ]


def _text(text: str) -> Resource:
    return {"text": text}
