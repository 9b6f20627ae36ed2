"""Causes in whole predictions: a good film has none, a bad one is refused by its cause or marked, in every output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.anchors import Reading
from tast.cli.predict import seconds_table
from tast.errors import VideoRejected
from tast.prediction.asked import Asked
from tast.prediction.files import write_trace
from tast.prediction.picture import trace_png
from tast.prediction.predict import predict_frames, predict_video
from tast.records import VideoSource
from tast.video.coding import Coding
from tast.video.read import source_facts
from tast.video.write_coded import write_coded
from tests.prediction.conftest import PULSE_HZ, film, write_film

SECONDS = 4.4
Changed = Iterator[tuple[float, Any]]


def flickering() -> Changed:
    for time_s, picture in film(SECONDS):
        yield time_s, np.clip(np.rint(picture * (1 + 0.03 * np.cos(2 * np.pi * PULSE_HZ * time_s))), 0, 255).astype(np.uint8)


def grey() -> Changed:
    return ((time_s, np.repeat(picture[..., 1:2], 3, axis=2)) for time_s, picture in film(SECONDS))


def exchanged() -> Changed:
    return ((time_s, np.ascontiguousarray(picture[..., ::-1])) for time_s, picture in film(SECONDS))


@pytest.fixture(scope="module")
def good(model, tmp_path_factory):
    path = write_film(tmp_path_factory.mktemp("good") / "film.avi", SECONDS)
    return predict_video("film", VideoSource(path), *model)


def test_a_good_film_has_no_cause_and_every_measure(good):
    assert good.findings.sentences() == ()
    assert (good.table()["causes"] == "").all()
    assert {"flicker", "compression", "still"} <= set(good.findings.measures)
    assert all(len(measured) == len(good) for measured in good.findings.measures.values())


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (flickering, r"^bad: the background pulses with the face: the lamp flickers \(4 of 4 s cannot be read\)"),
        (grey, r"^bad: the picture has no colour"),
        (exchanged, r"^bad: the face is bluer than it is red.*exchanged \(4 of 4 s cannot be read\)$"),
        (lambda: film(SECONDS, pulsing=False), r"^bad: nothing moves in the face but noise.*; quality 0\.\d\d is below 0\.45"),
    ],
)
def test_a_film_that_cannot_be_read_is_refused_by_its_cause(model, frames, reason):
    with pytest.raises(VideoRejected, match=reason):
        predict_frames("bad", frames(), *model)


def test_who_asks_for_no_quality_gets_the_values_and_the_cause_of_each_second(model):
    trace = predict_frames("lamp", flickering(), *model, Asked(min_quality=0.0))
    assert np.isfinite(trace.spo2_percent).all()
    assert all("flicker" in names for names in trace.table()["causes"])


def test_every_output_says_which_cause_holds(good, tmp_path):
    findings = replace(good.findings, measures={**good.findings.measures, "flicker": np.array([0.1, 0.9, np.nan, 0.1])})
    marked = replace(good, findings=findings)
    sentence = "the background pulses with the face: the lamp flickers (1 of 4 s)"
    table, _ = write_trace(tmp_path, marked, "json")
    content = json.loads(table.read_text())
    assert content["causes"] == [sentence]
    assert [second["causes"] for second in content["seconds"]] == [[], ["flicker"], [], []]
    assert [second["measures"]["flicker"] for second in content["seconds"]] == [0.1, 0.9, None, 0.1]
    assert [column.header for column in seconds_table(marked).columns][-1] == "may be wrong by"
    assert len(seconds_table(good).columns) == len(seconds_table(marked).columns) - 1
    assert trace_png(marked) != trace_png(good)
    assert_allclose(marked.spo2_percent, good.spo2_percent)


def test_what_a_codec_left_is_named_before_what_may_follow_from_it(model, tmp_path):
    flickers = write_coded(tmp_path / "film", flickering(), Coding("h264", ".mp4", quality=18, matrix="bt709"))
    network, card = model
    with pytest.raises(VideoRejected, match=r"colour stands still from frame to frame .*; the background pulses with the face"):
        predict_video("film", VideoSource(flickers), network, card)
    with pytest.raises(VideoRejected) as known:
        predict_video("film", VideoSource(flickers), network, replace(card, codecs={"h264": 0.0}))
    assert "stands still" not in known.value.reason and "flickers" in known.value.reason


def test_a_trace_and_its_causes_are_as_long(good):
    with pytest.raises(ValueError, match="causes of 1 s in a trace of 4 s"):
        replace(good, findings=replace(good.findings, measures={"flicker": np.zeros(1)}))


def test_where_a_codec_left_the_colour_as_it_was_no_percentage_is_told(model, tmp_path):
    """With an anchor neither; how SpO2 moves and the pulse are shown to who asks for no percentage."""
    sentence = "the face's colour stands still from frame to frame"
    squeezed = write_coded(tmp_path / "film", film(SECONDS), Coding("h264", ".mp4", quality=12, matrix="bt709"))
    for anchor in (None, [Reading(0.0, 10.0, 97.0, 1.0)]):
        with pytest.raises(VideoRejected, match=rf"{sentence}.*no percentage can be told, with an anchor neither"):
            predict_video("film", VideoSource(squeezed), *model, Asked(anchor=anchor))
    trace = predict_video("film", VideoSource(squeezed), *model, Asked(uncalibrated=True))
    assert np.isnan(trace.spo2_percent).all() and any(sentence in one for one in trace.findings.sentences())
    assert_allclose(np.median(trace.pulse_per_minute), 60 * PULSE_HZ, atol=6)
    network, card = model
    facts = source_facts(VideoSource(squeezed), most_frames=10_000)
    assert facts is not None
    lossless = replace(card, codecs={"h264": 2 * facts.bits_per_pixel})
    with pytest.raises(VideoRejected, match=sentence):
        predict_video("film", VideoSource(squeezed), network, lossless)
    known = predict_video("film", VideoSource(squeezed), network, replace(card, codecs={"h264": facts.bits_per_pixel}))
    assert np.isfinite(known.spo2_percent).all() and known.table()["causes"].str.contains("frozen colour").all()
    whole = write_coded(tmp_path / "whole", film(SECONDS), Coding("h264", ".mp4", quality=0, matrix="bt709"))
    assert np.isfinite(predict_video("film", VideoSource(whole), *model).spo2_percent).all()
