"""Pictures of what DVC, MLflow and Prefect show of a project, for docs/pictures: a real project, real servers, real Chromium.

    python -m benchmarks.screenshots [--folder PLACE] [--only NAME ...] [--vega FOLDER] [--out FOLDER]

PLACE is made where it is not there: a copy of this project with small data, run once, with two experiments of which one is
published too. It is kept, so that a picture can be made again within a minute. DVC's page asks the network for Vega; without one,
--vega names a folder that holds the npm packages vega, vega-lite and vega-embed as `npm pack` names them and `tar` unpacks them
(vega/package/build/vega.min.js).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, cast

from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright
from rich.console import Console
from rich.text import Text

from benchmarks.growth import set_params
from flows.servers import free_port, guarded

PROJECT = Path(__file__).resolve().parents[1]
OUT = PROJECT / "docs" / "pictures"
DONE = ".tast/screenshots"  # in a project that is ready to be shown
PARAMS = {
    "download.phantom.worlds.count": 2,
    "download.phantom.subjects": 14,
    "download.phantom.seconds": 16,
    "download.phantom.fps_hz": 20,
    "download.phantom.width_px": 192,
    "download.phantom.height_px": 160,
    "download.phantom.face_height_px": 110,
    "download.phantom.scenarios": ["steady", "talking"],
    "preprocess.clips.length_s": 6,
    "preprocess.clips.size_px": 32,
    "split.folds": 3,
    "train.epochs": 12,
    "evaluate.bootstrap": 200,
    "promote.fewest_subjects": 2,
}
EXPERIMENTS = {"other-seed": "train.seed=1", "slower": "train.learning_rate=0.001"}
PUBLISHED = "slower"
NO_PAGER = "--no-pager"
EXP_SHOW = ("exp", "show", NO_PAGER, "--only-changed", "--drop", "models|reports", "--keep", "anchored_rmse")
OF_MODELS = "workflowType=machine_learning"
FOLDED = {
    "mlflow_compare": ("Visualizations", "Run details", "Artifacts", "Tags"),
    "mlflow_registry": ("Description",),
}
TO_THE_RIGHT = "document.querySelectorAll('.ag-center-cols-viewport').forEach(table => { table.scrollLeft = 790; })"
WITHOUT_ASSISTANT = """
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""  # MLflow's panel that offers to answer questions takes a quarter of the page, until a person has closed it
CDN = "https://cdn.jsdelivr.net/npm/"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SETTLE_MS = 6000  # for a page that draws what it has asked for
MOST_BYTES = 200_000
TERMINAL = 165  # columns
PATIENCE_S = 600


def environment(folder: Path) -> dict[str, str]:
    """Of a program in the project: nothing from outside, and a Prefect of its own."""
    outside = ("PREFECT_", "DVC_", "MLFLOW_", "PYTHON", "TAST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    own = {"PREFECT_HOME": str(folder / ".tast/prefect"), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}
    return kept | own | {"DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def python(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-m", *arguments)


def make_project(folder: Path) -> None:
    """This tree's files in a repository of their own, run, committed, with two experiments and two registered versions."""
    if (folder / DONE).exists():
        return
    listed = run(PROJECT, "git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in listed:
        if (PROJECT / name).is_file() and not name.startswith("tests/") and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    set_params(folder / "params.yaml", PARAMS)
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    for key, value in {"user.name": "A reader", "user.email": "reader@example.org"}.items():
        run(folder, "git", "config", key, value)
    commit(folder, "The project")
    python(folder, "flows.pipeline")
    commit(folder, "First run")
    for name, change in EXPERIMENTS.items():
        python(folder, "dvc", "exp", "run", "--name", name, "--set-param", change)
        run(folder, "git", "checkout", "--quiet", "--", ".")
    python(folder, "dvc", "exp", "apply", PUBLISHED)
    python(folder, "flows.pipeline")
    run(folder, "git", "checkout", "--quiet", "--", ".")
    python(folder, "dvc", "checkout")
    (folder / DONE).touch()


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)


def terminal(folder: Path, columns: int, *arguments: str) -> str:
    """What `dvc ARGUMENTS` says to a terminal so wide, colours included."""
    ours, theirs = pty.openpty()
    own = environment(folder) | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    process = subprocess.Popen([sys.executable, "-m", "dvc", *arguments], cwd=folder, env=own, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # its end, on Linux
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    process.wait()
    return said.decode().replace("\r\n", "\n")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """`make serve` in the project: addresses of MLflow's page, with its experiment, and of Prefect's."""
    ports = {"PREFECT_PORT": str(free_port()), "MLFLOW_PORT": str(free_port())}
    log = folder / ".tast" / "serve.log"
    with (
        log.open("wb") as said,
        guarded([sys.executable, "-m", "flows.serve"], cwd=folder, env=environment(folder) | ports, stdout=said) as process,
    ):
        deadline = time.monotonic() + PATIENCE_S
        while "Ctrl-C" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"`make serve` did not come up; see {log} and {folder / '.tast/logs'}")
            time.sleep(0.5)
        lines = dict(line.split(maxsplit=1) for line in log.read_text().splitlines()[:2])
        yield lines["MLflow"], lines["Prefect"].removesuffix("/deployments")


class Camera:
    """Pages of one browser, and the folder that their pictures go to."""

    def __init__(self, browser: Browser, out: Path, vega: Path | None) -> None:
        self._browser, self._out, self._vega = browser, out, vega

    def page(self, width_px: int = 1500, height_px: int = 860) -> Page:
        page = self._browser.new_page(viewport={"width": width_px, "height": height_px})
        page.route("**/*", self._answer)
        return page

    def take(self, name: str, page: Page, *, full: bool = False) -> None:
        """Write NAME.png, of at most 256 colours. Ends the program where it is larger than git is to hold."""
        picture = Image.open(BytesIO(page.screenshot(full_page=full))).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        target = self._out / f"{name}.png"
        picture.save(target, optimize=True)
        if target.stat().st_size > MOST_BYTES:
            sys.exit(f"{target} has {target.stat().st_size} bytes; expected at most {MOST_BYTES}")
        print(f"{target}: {target.stat().st_size // 1000} kB", flush=True)

    def _answer(self, route: Route) -> None:
        """What is on this machine, and Vega; nothing else leaves."""
        url = route.request.url
        if url.startswith(CDN) and self._vega is not None:
            package = url.removeprefix(CDN).partition("@")[0]
            script = self._vega / package / "package" / "build" / f"{package}.min.js"
            route.fulfill(body=script.read_bytes(), content_type="text/javascript; charset=utf-8")
        elif url.startswith(("http://127.0.0.1", "file:", CDN)):
            route.continue_()
        else:
            route.abort()


def dvc_exp_show(folder: Path, camera: Camera) -> None:
    console = Console(record=True, width=TERMINAL, file=StringIO(), force_terminal=True)
    console.print(Text(f"$ dvc {shlex.join(one for one in EXP_SHOW if one != NO_PAGER)}\n", style="bold"))
    console.print(Text.from_ansi(terminal(folder, TERMINAL, *EXP_SHOW)))
    with tempfile.TemporaryDirectory() as scratch:
        html = Path(scratch) / "exp.html"
        html.write_text(console.export_html(inline_styles=True), encoding="utf-8")
        page = camera.page(1500, 235)
        page.goto(html.as_uri())
        camera.take("dvc_exp_show", page)


def dvc_plots_diff(folder: Path, camera: Camera) -> None:
    python(folder, "dvc", "plots", "diff", "main", PUBLISHED)
    page = camera.page(1010, 1120)
    page.goto((folder / "dvc_plots/index.html").as_uri())
    page.wait_for_selector("canvas, svg.marks", timeout=60_000)
    page.wait_for_timeout(SETTLE_MS / 3)
    camera.take("dvc_plots_diff", page)


def mlflow(folder: Path, camera: Camera, address: str) -> None:
    """One run, two side by side, the models with their figures, the registered model and a version of it."""
    script = (
        "import json; from mlflow.tracking import MlflowClient; from flows.store import tracking_uri as uri;"
        "c = MlflowClient(uri(), uri()); vs = c.search_model_versions(\"name = 'tast-net'\");"
        "print(json.dumps([v.run_id for v in sorted(vs, key=lambda v: int(v.version))]))"
    )
    runs = json.loads(run(folder, sys.executable, "-c", script).splitlines()[-1])
    server, _, rest = address.partition("/#/experiments/")
    number = rest.partition("/")[0]
    both = json.dumps(runs[:2]).replace(" ", "")
    places = {
        "mlflow_run": f"experiments/{number}/runs/{runs[0]}?{OF_MODELS}",
        "mlflow_models": f"experiments/{number}/models?{OF_MODELS}",
        "mlflow_compare": f'compare-runs?runs={both}&experiments=["{number}"]&{OF_MODELS}',
        "mlflow_registry": f"models/tast-net?{OF_MODELS}",
        "mlflow_version": f"models/tast-net/versions/1?{OF_MODELS}",
    }
    page = camera.page()
    page.add_init_script(WITHOUT_ASSISTANT)
    for name, place in places.items():
        page.goto(f"{server}/#/{place}")
        page.wait_for_timeout(SETTLE_MS)
        for heading in FOLDED.get(name, ()):
            page.get_by_text(heading, exact=True).locator("visible=true").first.click()
            page.wait_for_timeout(SETTLE_MS / 8)
        if name == "mlflow_compare":  # what is the same in both says nothing
            page.get_by_role("switch").locator("visible=true").first.click()  # of the parameters, some 120
        page.evaluate(TO_THE_RIGHT)  # of the table of models, where its figures stand
        page.wait_for_timeout(SETTLE_MS / 4)
        camera.take(name, page)


def prefect(folder: Path, camera: Camera, address: str) -> None:
    """The deployments, the form of one of them, and a run that was asked for by hand."""
    asked = environment(folder) | {"PREFECT_API_URL": f"{address}/api"}
    command = [sys.executable, "-m", "prefect", "deployment", "run", "pipeline/nightly", "-p", "until=publish"]
    subprocess.run([*command, "--watch"], cwd=folder, env=asked, check=True, capture_output=True, timeout=PATIENCE_S)
    page = camera.page()
    page.goto(f"{address}/deployments")
    page.wait_for_timeout(SETTLE_MS)
    camera.take("prefect_deployments", page)
    page.get_by_role("link", name="nightly", exact=True).first.click()
    page.wait_for_timeout(SETTLE_MS)
    camera.take("prefect_deployment", page)
    page.set_viewport_size({"width": 1500, "height": 1100})
    page.goto(f"{address}/runs")
    page.wait_for_timeout(SETTLE_MS)
    camera.take("prefect_runs", page)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.screenshots", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tast_screenshots", help="the project")
    parser.add_argument("--only", nargs="+", choices=("dvc", "mlflow", "prefect"), default=("dvc", "mlflow", "prefect"))
    parser.add_argument("--vega", type=Path, help="a folder with Vega's npm packages, where the browser has no network")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit(f"no Chromium on this machine (looked for {', '.join(CHROMIUM)}; Debian: apt-get install chromium)")
    folder = cast(Path, asked.folder).resolve()
    make_project(folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        camera = Camera(browser, asked.out, asked.vega)
        if "dvc" in asked.only:
            dvc_exp_show(folder, camera)
            dvc_plots_diff(folder, camera)
        pages: dict[str, Callable[[Path, Camera, Any], None]] = {"mlflow": mlflow, "prefect": prefect}
        if wanted := [name for name in pages if name in asked.only]:
            with served(folder) as addresses:
                for name, address in zip(pages, addresses, strict=True):
                    if name in wanted:
                        pages[name](folder, camera, address)


if __name__ == "__main__":
    main()
