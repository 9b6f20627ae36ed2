"""Where the stages put things, relative to the project's top folder: the same names as the outs in dvc.yaml."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path("data/source.json")
RAW = Path("data/raw")
AUDIT = Path("data/audit")
CLIPS = Path("data/clips")
CONTACT_SHEETS = Path("reports/contact_sheets")
SPLIT = Path("data/split.json")
MODEL = Path("models/tast_net")
HISTORY = Path("reports/learning_curve.csv")
PREDICTIONS = Path("reports/predictions.parquet")
METRICS = Path("reports/metrics.json")
REPORT = Path("reports/report.html")
PLOTS = Path("reports/plots")
STAGES = ("download", "preprocess", "split", "train", "evaluate")
