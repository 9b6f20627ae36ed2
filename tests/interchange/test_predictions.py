"""Predictions as EDF+ and FHIR, read back by the libraries that write them: the same values, and gaps that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
from fhir.resources.bundle import Bundle
from fhir.resources.R4B.bundle import Bundle as R4Bundle
from numpy.testing import assert_allclose

from tast.anchors import Reading
from tast.interchange.edf import MISSING, STEP_PERCENT
from tast.interchange.formats import FORMATS
from tast.interchange.seconds import NO_MEDICAL_DEVICE, NO_PERCENTAGE, NO_VALUE, even_seconds
from tast.prediction.causes.findings import Findings
from tast.prediction.trace import RENDERED_ALONE, PredictedTrace, joined
from tast.training.interval import PredictionInterval

RELEASES = {"fhir": R4Bundle, "fhir-r5": Bundle}


def piece(start_s: np.ndarray, percent: np.ndarray) -> PredictedTrace:
    n = len(start_s)
    flicker, pulse = np.where(np.arange(n) == 1, 0.9, 0.1), np.where(np.arange(n) == 0, np.nan, 71.5)
    return PredictedTrace(
        "visit", start_s, percent, np.full(n, 0.9), np.linspace(0.6, 1, n), pulse, percent - 2, np.zeros(n),
        PredictionInterval(0.9, 3.37, 8, 70), 50.0, 100.0, findings=Findings({"flicker": flicker}),
        trained_on=("phantom",),
    )  # fmt: skip


@pytest.fixture
def trace() -> PredictedTrace:
    """Seconds 2 to 6, and from 11 on those of another piece, whose clock is off by a third of a second."""
    first = piece(2.04 + np.arange(5), np.array([97.31, 96.02, 88.88, 91.0, 99.99]))
    second = piece(11.37 + np.arange(3), np.array([95.5, 94.25, 93.125]))
    return joined([first, second], ("7 to 11 s are left out: face lost for 4 s",))


PLACES = [2, 3, 4, 5, 6, 11, 12, 13]
GAPS = [0, 1, 7, 8, 9, 10]


def written(kind: str, trace: PredictedTrace, folder: Path) -> Path:
    path = folder / f"visit.{FORMATS[kind].ending}"
    FORMATS[kind].writer()(path, trace)
    return path


def annotations(edf: edfio.Edf) -> dict[str, list[tuple[float, float | None]]]:
    found: dict[str, list[tuple[float, float | None]]] = {}
    for one in edf.annotations:
        found.setdefault(one.text, []).append((one.onset, one.duration))
    return found


def test_edf_gives_the_values_back_within_half_a_step_and_a_gap_is_no_number(trace, tmp_path):
    edf = edfio.read_edf(written("edf", trace.anchored([Reading(2, 4, 98, 1.5)]), tmp_path))
    table = trace.anchored([Reading(2, 4, 98, 1.5)]).table()
    assert edf.labels == ("SpO2", "SpO2 lower", "SpO2 upper", "Quality", "Pulse", "Valid", "Offset")
    spo2 = edf.get_signal("SpO2")
    assert (spo2.sampling_frequency, spo2.physical_dimension, len(spo2.data)) == (1, "%", 14)
    assert_allclose(spo2.data[PLACES], table["spo2_percent"], atol=STEP_PERCENT / 2 + 1e-9)
    assert (spo2.digital[GAPS] == -32768).all() and spo2.physical_min == MISSING < 0
    assert edf.get_signal("Valid").data.tolist() == [0.0 if k in GAPS else 1.0 for k in range(14)]
    assert_allclose(edf.get_signal("Quality").data[PLACES], table["quality"], atol=2 / 65535)
    assert_allclose((np.arange(14) + edf.get_signal("Offset").data)[PLACES], table["start_s"], atol=2 / 65535)
    pulse = edf.get_signal("Pulse").data
    assert (pulse[[2, 11]] < 0).all() and pulse[3] == pytest.approx(71.5, abs=301 / 65535)
    assert (edf.get_signal("SpO2 lower").data < 0).all()  # anchored: this model knows no interval then
    told = annotations(edf)
    assert told["anchor: 98 % (1 SD 1.5)"] == [(2.0, 2.0)]
    assert told[NO_VALUE] == [(0.0, 2.0), (7.0, 4.0)]
    assert told["may be wrong: flicker"] == [(3.0, 1.0), (12.0, 1.0)]
    for sentence in (NO_MEDICAL_DEVICE, RENDERED_ALONE, "7 to 11 s are left out: face lost for 4 s", "video: visit"):
        assert told[sentence] == [(0.0, None)]
    assert edf.patient.name == "X"
    with pytest.raises(edfio.AnonymizedDateError):
        _ = edf.startdate


def test_the_interval_and_a_trend_are_in_the_edf_too(trace, tmp_path):
    edf = edfio.read_edf(written("edf", trace, tmp_path))
    table = trace.table()
    for label, column in (("SpO2 lower", "lower_percent"), ("SpO2 upper", "upper_percent")):
        assert_allclose(edf.get_signal(label).data[PLACES], table[column], atol=STEP_PERCENT / 2 + 1e-9)
    trend = edfio.read_edf(written("edf", trace.as_trend(), tmp_path))
    assert (trend.get_signal("SpO2").data < 0).all() and not trend.get_signal("Valid").data.any()
    values = trend.get_signal("Trend")
    assert_allclose(values.data[PLACES], trace.as_trend().trend.round(3), atol=values.physical_max / 65535)
    assert (values.digital[GAPS] == -32768).all() and values.physical_min < trace.as_trend().trend.min()
    assert annotations(trend)[NO_PERCENTAGE] == [(2.0, 5.0), (11.0, 3.0)]


def observation(kind: str, path: Path) -> Any:
    """Validated by the library as it reads; the device that it names is the other entry."""
    bundle = RELEASES[kind].model_validate_json(path.read_text())
    device, found = bundle.entry
    assert (bundle.type, len(bundle.entry), found.resource.device.reference) == ("collection", 2, device.fullUrl)
    assert device.resource.note[0].text == NO_MEDICAL_DEVICE
    return found.resource


def samples(data: Any) -> np.ndarray:
    return np.array([np.nan if one == "E" else float(one) for one in data.data.split()])


@pytest.mark.parametrize("kind", RELEASES)
def test_fhir_gives_the_values_back_and_says_why_a_second_has_none(trace, tmp_path, kind):
    found = observation(kind, written(kind, trace, tmp_path))
    table, value = trace.table(), found.valueSampledData
    assert next((one.system, one.code) for one in found.code.coding) == ("http://loinc.org", "59408-5")
    assert (value.origin.code, value.origin.system) == ("%", "http://unitsofmeasure.org") and value.dimensions == 1
    assert (value.period if kind == "fhir" else value.interval) == 1000
    assert np.flatnonzero(np.isnan(samples(value))).tolist() == GAPS
    assert_allclose(samples(value)[PLACES], table["spo2_percent"], rtol=0, atol=1e-9)
    parts = {one.id: one for one in found.component}
    for name in ("start_s", "lower_percent", "upper_percent", "quality", "pulse_per_minute"):
        assert_allclose(samples(parts[name].valueSampledData)[PLACES], table[name], rtol=0, atol=1e-9)
    assert np.flatnonzero(samples(parts["may-be-wrong-flicker"].valueSampledData)).tolist() == [3, 12]
    refused = {name: one for name, one in parts.items() if name.startswith("refused")}
    assert [one.code.text for one in refused.values()] == ["SpO2 from 0 to 2 s", "SpO2 from 7 to 11 s"]
    assert {(one.dataAbsentReason.coding[0].code, one.dataAbsentReason.text) for one in refused.values()} == {("error", NO_VALUE)}
    told = [one.text for one in found.note]
    assert {NO_MEDICAL_DEVICE, RENDERED_ALONE, "7 to 11 s are left out: face lost for 4 s"} <= set(told)
    assert found.status == "preliminary" and "not measured by a pulse oximeter" in found.method.text


@pytest.mark.parametrize("kind", RELEASES)
def test_without_a_percentage_the_observation_has_a_reason_in_place_of_a_value(trace, tmp_path, kind):
    found = observation(kind, written(kind, trace.as_trend(), tmp_path))
    assert found.valueSampledData is None and found.dataAbsentReason.coding[0].code == "unknown"
    parts = {one.id: one for one in found.component}
    assert_allclose(samples(parts["trend"].valueSampledData)[PLACES], trace.as_trend().trend.round(3), atol=1e-9)
    assert "lower_percent" not in parts


@pytest.mark.parametrize("kind", RELEASES)
def test_what_breaks_the_specification_is_noticed_when_it_is_read(trace, tmp_path, kind):
    content = json.loads(written(kind, trace, tmp_path).read_text())
    del content["entry"][1]["resource"]["status"]
    with pytest.raises(ValueError, match="status"):
        RELEASES[kind].model_validate_json(json.dumps(content))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_trace_gives_the_same_bytes(trace, tmp_path, kind):
    before = written(kind, trace, tmp_path).read_bytes()
    assert written(kind, trace, tmp_path).read_bytes() == before
    assert written(kind, replace(trace, spo2_percent=trace.spo2_percent - 1), tmp_path).read_bytes() != before


def test_seconds_of_every_piece_have_a_place_of_their_own(trace):
    even = even_seconds(trace)
    assert len(even) == 14 and np.flatnonzero(even.refused).tolist() == GAPS
    late = joined([piece(0.9999999999 + np.arange(119), np.full(119, 95.0)), piece(120.0 + np.arange(2), np.full(2, 95.0))])
    assert (~even_seconds(late).refused).sum() == len(late)
