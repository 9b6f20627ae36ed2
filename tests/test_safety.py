"""No way to run somebody else's code: no pickles, no YAML that makes objects, no shell, in the tree and in what it writes."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from tast.export import write_pt2
from tast.saved_model import load_model
from tast.tracking.projection import publish
from tests.prediction import conftest as prediction
from tests.tracking.conftest import Store, make_publication, store_in
from tests.unsafe import beside_mlflows_examples, in_source, pickles_in

saved = prediction.saved
ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for room in ("tast", "flows", "benchmarks") for path in (ROOT / room).rglob("*.py"))


def test_no_source_unpickles_runs_text_or_starts_a_shell():
    assert len(SOURCES) > 300
    found = {f"{path.relative_to(ROOT)}: {what}" for path in SOURCES for _, what in in_source(path.read_text())}
    assert found == {"tast/datasets/archives.py: archive.extractall"}  # of 7z, once each member's name was looked at


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import pickle", "import of pickle"),
        ("from yaml import load", "import of yaml"),
        ("def f():\n    import joblib.x", "import of joblib.x"),
        ("os.system(f'rm {name}')", "os.system"),
        ("subprocess.run(command, shell=True)", "subprocess.run with a shell"),
        ("subprocess.run(command, shell=asked)", "subprocess.run with a shell"),
        ("np.load(path, allow_pickle=True)", "np.load with allow_pickle"),
        ("torch.load(path)", "torch.load without weights_only=True"),
        ("torch.load(path, weights_only=False)", "torch.load without weights_only=True"),
        ("YAML(typ='unsafe')", "YAML that makes objects"),
        ("eval(text)", "eval"),
        ("archive.extractall(folder)", "archive.extractall"),
    ],
)
def test_each_of_them_would_be_found(source, what):
    assert [found for _, found in in_source(source)] == [what]


def test_what_is_safe_is_not_found():
    safe = "model.eval(); re.compile(x); np.load(p); torch.load(p, weights_only=True); YAML(typ='safe'); subprocess.run(c)"
    assert list(in_source(safe)) == []


def test_a_pickle_is_found_wherever_it_lies(tmp_path):
    (tmp_path / "plain").write_bytes(pickle.dumps({"a": 1}))
    torch.save({"a": torch.zeros(2)}, tmp_path / "model.bin")
    with zipfile.ZipFile(tmp_path / "outer", "w") as outer:
        outer.write(tmp_path / "model.bin", "inner")
    (tmp_path / "none").write_bytes(b"\x80\x04 no pickle")
    assert [pickles_in(tmp_path / name) for name in ("plain", "model.bin", "outer", "none")] == [
        ["plain"], ["model.bin/model/data.pkl"], ["outer/inner/model/data.pkl"], [],
    ]  # fmt: skip


@pytest.fixture(scope="module")
def store(saved: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """With a published network."""
    folder = tmp_path_factory.mktemp("store")
    found = store_in(folder, empty_database)
    publish(make_publication(tmp_path_factory.mktemp("made")), **found.where)
    return found


def test_neither_a_saved_model_nor_a_published_one_holds_a_pickle(saved, store):
    """But the example inputs of the archive that MLflow's own loader reads, which are tensors alone."""
    folders = (saved, store.database.parent)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {"model.pt2", "model.safetensors", "MLmodel", "video_model.py"} <= {path.name for path in files}
    assert [name for path in files for name in beside_mlflows_examples(path)] == []
    assert any(pickles_in(path) for path in files if path.name == "model.pt2")  # there are some, and they are found


def test_an_export_without_examples_is_the_same_network(saved, tmp_path):
    network, card = load_model(saved)
    write_pt2(tmp_path / "model.pt2", network, card)
    assert pickles_in(tmp_path / "model.pt2") == []
    program = torch.export.load(tmp_path / "model.pt2", extra_files=(extra := {"tast.card": ""}))
    video = torch.zeros(3, 3, card.config["frames"], 16, 16)
    with torch.no_grad():
        assert torch.allclose(program.module()(video), network(video), atol=1e-5)
    assert '"model_name"' in extra["tast.card"]
