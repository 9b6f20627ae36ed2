"""The report: says what it must, escapes what it is given, loads nothing from elsewhere, changes no byte between runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from flows.summary import anchored_line
from tast.evaluation.anchored import anchored_predictions
from tast.evaluation.evaluate import anchored_facts, evaluate
from tast.evaluation.plots import evaluation_plots
from tast.evaluation.report import DataFacts, flattened, part_facts, render_report, span
from tast.pages.page import number, percentage
from tast.training.anchored_interval import AnchoredInterval
from tests.browser import Tab, tab  # noqa: F401
from tests.evaluation.page_checks import assert_has_headers, assert_keyboard_reaches_what_moves, assert_reads_well
from tests.evaluation.test_anchored import recording


@pytest.fixture
def rows(predictions) -> pd.DataFrame:
    return predictions


@pytest.fixture
def page(rows, baselines, manifest):
    """A function that renders the report with some of its input changed."""
    metrics = evaluate(
        rows,
        protocol="subject_independent",
        train_mean_percent=92.0,
        baselines=baselines,
        n_clips=12,
        nominal_coverage=0.9,
        draws=50,
        seed=0,
    )
    epoch = np.arange(3)
    history = pd.DataFrame({"epoch": epoch, "train_loss": 1.0, "val_loss": 2.0 - epoch, "val_rmse_percent": 3.0 - epoch})
    plots = evaluation_plots(rows, history, refusal=metrics["test"]["refusal"], train_mean_percent=92.0, seed=0)
    manifest["spo2_percent"] = [[95.0, 90.0, np.nan, 97.0]] * len(manifest)

    def render(
        *, with_interval=True, protocol="subject_independent", dataset="phantom", rejects=(), predictions=rows, anchored=None
    ):
        facts = DataFacts(
            dataset=dataset, manifest=manifest, parts={"train": [], "test": list(manifest["clip_id"])},
            rejects=pd.DataFrame(list(rejects), columns=["record_id", "reason"]), digest="a1b2c3",
        )  # fmt: skip
        params = {"train": {"epochs": 60}, "dataset": {"name": dataset}}
        if not with_interval:
            nothing = dict.fromkeys(metrics["test"]["interval"])
            metrics["test"]["interval"] = nothing | {"bands": {}}
        return render_report(
            metrics=metrics | {"protocol": protocol, "anchored": anchored},
            predictions=predictions,
            plots=plots,
            data=facts,
            params=params,
        )

    return render


def test_it_tells_all_methods_the_data_the_protocol_and_the_parameters(page):
    text = page()
    for expected in (
        "TAST-Net", "Ratio of ratios", "Chrominance ratio", "Constant predictor", "Subject-independent",
        "a rendered phantom, not people",
        "a1b2c3", "train.epochs", "no recording was rejected", "s3", "small rotation",
    ):  # fmt: skip
        assert expected.lower() in text.lower(), expected
    assert "These scores are optimistic" not in text
    assert text.count("data:image/png;base64,") == 6


def test_what_the_interval_is_worth_is_told_and_for_whom_least(page, rows):
    text = page()
    assert "The interval on people it was not made from" in text
    assert re.search(r"least often for\s+phantom/s\d: \d+ % of 8 seconds", text)
    assert "R within recordings" in text and "R within people" in text
    without = page(with_interval=False)
    assert "The model has no interval" in without and "interval holds</span>" not in without


def test_what_is_read_from_a_known_level_on_stands_beside_who_reads_nothing(page):
    """RMSE 0 against falling by 1 to 10 points: sqrt(385 / 10) = 6.20."""
    true = np.concatenate([np.full(10, 98.0), 98.0 - np.arange(1.0, 11.0)])
    rows = pd.concat([recording(true, true + 30, name) for name in ("a", "b")])
    interval = AnchoredInterval(0.9, 2.0, 0.0, 0.0, 8, 70)
    facts = anchored_facts(
        anchored_predictions(rows, interval), train_mean_percent=90.0, nominal_coverage=0.9, draws=20, seed=0
    )  # fmt: skip
    text = " ".join(page(anchored=facts).split())
    assert "6.20" in text and "SpO₂ stays what it was" in text and "the 20 s of 2 recordings after" in text
    assert "No test recording is longer than the 10 s of an anchor" in page()
    assert "RMSE 0.00 % SpO2 of the seconds after these (SpO2 stays what it was: 6.20)" in anchored_line({"anchored": facts})
    assert anchored_line({"anchored": None}) == anchored_line({}) == ""


def test_clip_random_is_named_and_warned_of(page):
    text = page(protocol="clip_random")
    assert "Clip-random" in text
    assert "These scores are optimistic" in text


def test_rejects_are_listed_and_escaped(page):
    text = page(rejects=[("07-02", "no face found in 300 frames <script>alert(1)</script>")])
    assert "no face found in 300 frames &lt;script&gt;" in text
    assert "<script" not in text


def test_nothing_is_loaded_from_elsewhere_and_the_html_is_well_formed(page):
    text = page()
    sources = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", text)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert _unclosed(text) == []


def test_the_same_input_gives_the_same_bytes_in_any_order_of_rows(page, rows):
    assert page() == page(predictions=rows.sample(frac=1.0, random_state=2))


def test_a_value_that_cannot_be_had_is_a_dash_and_never_nan(page):
    visible = re.sub(r"base64,[^\"]+", "", page())
    assert not re.search(r"\b(nan|None|inf)\b", visible)
    assert "–" in visible  # the constant predictor's R


def test_in_a_browser(page, tab: Tab, tmp_path):  # noqa: F811
    """Both widths, both colour schemes; with all that can stand on it: rejects, folds, a warning."""
    path = tmp_path / "report.html"
    path.write_text(page(protocol="clip_random", rejects=[("07-02", "no face found in 300 frames")]), encoding="utf-8")
    assert_reads_well(tab, path.as_uri())
    assert_has_headers(tab, path.as_uri())
    assert_keyboard_reaches_what_moves(tab, path.as_uri())


def test_part_facts(manifest):
    manifest["spo2_percent"] = [[90.0, np.nan, 99.0, 100.0], *[[101.0, 100.0, 100.0, np.nan]] * (len(manifest) - 1)]
    facts = part_facts("test", manifest, list(manifest["clip_id"][:2]))
    spread = {"min": 90.0, "mean": 97.5, "max": 100.0}  # the third second is 99 in one clip and 101 in the other
    assert facts == {"name": "test", "subjects": 1, "recordings": 1, "clips": 2, "seconds": 4} | spread
    assert np.isnan(part_facts("val", manifest, [])["mean"])


def test_numbers_as_text():
    assert [number(1.234), number(-1.5), number(-0.001), number(None), number(float("nan")), number(95, 0)] == [
        "1.23", "−1.50", "0.00", "–", "–", "95",
    ]  # fmt: skip
    assert [percentage(0.425), percentage(-0.1), percentage(None)] == ["42 %", "−10 %", "–"]
    assert span({"low": -1.0, "high": 2.0}) == "−1.00 to 2.00"
    assert span({"low": None, "high": None}) == ""


def test_parameters_are_flattened():
    assert flattened({"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None, "f": True}) == {
        "a.b.c": "1", "a.d": "1, 2", "e": "null", "f": "true",
    }  # fmt: skip


class _Balance(HTMLParser):
    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another element"


def _unclosed(text: str) -> list[str]:
    parser = _Balance()
    parser.feed(text)
    return parser.open
