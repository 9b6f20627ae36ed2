"""`tast` as a whole: its help, its exit codes, its colours, its plain lines, and what a shell completes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.table import Table
from typer.testing import CliRunner

from tast.cli import main as cli
from tast.cli import output
from tests.datasets.layouts import write_recording
from tests.terminal import COLOUR, ESCAPE, TAST, environment, in_pipe, in_terminal

COMMANDS = sorted(typer.main.get_command(cli.app).commands)
HEAVY = ("torch", "cv2", "dlib", "mediapipe", "mlflow", "prefect", "pandas", "scipy", "matplotlib")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two recordings, one of which has no video."""
    folder = tmp_path / "mine"
    write_recording(folder, "a")
    with (folder / "recordings.csv").open("a") as table:
        table.write("x,b,[red]none.avi,a.csv\n")
    return folder


def help_of(command: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_with_an_example_and_explains_each_option(command, monkeypatch, tmp_path):
    text = help_of(command, monkeypatch, tmp_path)
    description = next(line.strip() for line in text.splitlines() if line.strip() and "Usage:" not in line)
    assert len(description.split()) > 5
    assert re.search(r"Examples?:", text)
    assert re.search(rf"^ *(Example: )?.*tast {command}", text.split("Example", 1)[1], re.MULTILINE)
    undocumented = [
        parameter.name
        for parameter in typer.main.get_command(cli.app).commands[command].params
        if not getattr(parameter, "help", None)
    ]
    assert undocumented == []


def test_the_whole_is_told_with_every_command_examples_and_exit_codes(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    assert all(re.search(rf"│ {command} ", result.stdout) for command in COMMANDS)
    assert result.stdout.count("tast ") >= 4
    for code, meaning in ((0, "done"), (1, "a mistake"), (2, "wrong usage"), (130, "interrupted")):
        assert f"{code} {meaning}" in result.stdout
        assert f"| {code} | {meaning}" in Path("docs/operations.md").read_text()


def test_help_takes_no_heavy_library():
    code = f"import sys, tast.cli.main; sys.exit(' '.join(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--version",), 0, ""),
        (("predict", "none.mp4"), 1, "error: none.mp4: no such file or folder"),
        (("ablate",), 1, "the project's top folder"),
        (("phantom", "."), 1, "error: .: it exists and is not empty"),
        ((), 0, ""),
        (("predict", "--nothing"), 2, "No such option: --nothing"),
        (("predict", "a.mp4", "--format", "xls"), 2, "'xls' is not one of"),
        (("nothing",), 2, "No such command 'nothing'"),
    ],
)
def test_exit_codes(tmp_path, arguments, code, said):
    (tmp_path / "file").touch()
    done = in_pipe([*TAST, *arguments], tmp_path, environment(COLUMNS="200"))
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert code != 1 or (done.stderr.count("\n") == 1 and "Traceback" not in done.stderr)


def test_without_a_command_it_says_where_one_stands(tmp_path):
    done = in_pipe([*TAST], tmp_path, environment())
    assert done.returncode == 0 and done.stderr == ""
    assert f"in {tmp_path}" in done.stdout and "`tast init FOLDER`" in done.stdout and "`tast --help`" in done.stdout


def test_a_package_that_is_not_installed_is_one_line_with_what_brings_it(tmp_path):
    """As where the wheel is installed without its extra: the first import of MLflow finds none."""
    code = "import sys; sys.modules['mlflow'] = None; sys.argv = ['tast', 'predict', 'a.mp4', '--model', 'models:/x@y']; " \
           "from tast.cli.main import main; main()"  # fmt: skip
    (tmp_path / "a.mp4").touch()
    done = in_pipe([sys.executable, "-c", code], tmp_path, environment(MLFLOW_TRACKING_URI="sqlite:///x.db"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: mlflow") and "pip install 'tast[pipeline]'" in done.stderr


def hear_ctrl_c():
    """Who runs the tests in the background may ignore it, and a program inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_exit_code_130_without_a_traceback(tmp_path):
    """While the doctor waits for a server that takes the question and does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = environment(PREFECT_API_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        process = subprocess.Popen(
            [*TAST, "doctor"], stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=asked, preexec_fn=hear_ctrl_c
        )
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        connection.close()
    assert process.returncode == 130 and "Traceback" not in errors


@pytest.mark.parametrize("arguments", [("--help",), ("predict", "--help"), ("check", "mine"), ("predict", "--nothing")])
def test_no_color_leaves_no_colour_in_a_terminal(recordings, arguments):
    command, folder = [*TAST, *arguments], recordings.parent
    coloured, code = in_terminal(command, folder, environment())
    plain, same_code = in_terminal(command, folder, environment(NO_COLOR="1"))
    assert COLOUR.search(coloured)
    assert not COLOUR.search(plain)
    assert code == same_code


def test_the_doctor_alarms_in_red_only_where_colours_are_wanted(tmp_path):
    broken = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    coloured, code = in_terminal([*TAST, "doctor"], tmp_path, environment(**broken), 160)
    plain, same_code = in_terminal([*TAST, "doctor"], tmp_path, environment(NO_COLOR="1", **broken), 160)
    assert (code, same_code) == (1, 1)
    assert COLOUR.search(coloured) and not COLOUR.search(plain)
    assert "does not answer" in plain


def test_a_bar_in_a_terminal_and_lines_in_a_log(recordings):
    shown, code = in_terminal([*TAST, "check", "mine"], recordings.parent, environment())
    assert code == 1 and "━" in shown and "┏" in shown
    done = in_pipe([*TAST, "check", "mine"], recordings.parent, environment())
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "at work for" not in line]  # of a machine that is busy
    assert lines == ["decode: 1 of 2", "decode: 2 of 2"]
    assert ESCAPE not in done.stdout + done.stderr and "━" not in done.stdout


def test_a_pipe_gets_a_whole_line_for_each_row_as_it_is(recordings):
    lines = in_pipe([*TAST, "check", "mine"], recordings.parent, environment(COLUMNS="20")).stdout.splitlines()
    assert lines[0] == "tast check mine"
    assert lines[1].split() == ["recording", "defect"]
    assert lines[2].strip().startswith("b ") and "[red]none.avi" in lines[2]
    assert lines[-1] == "1 of 2 recordings are ready to use"
    assert all(line == line.rstrip() for line in lines)


def test_columns_line_up_in_a_pipe(capsys):
    table = Table("name", "value", title="a table with a title longer than its rows")
    table.add_row("x" * 300, "1")
    table.add_row("[bold]:smile:[/bold]", "2")
    output.show(table)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:]] == [["name", "value"], ["x" * 300, "1"], ["[bold]:smile:[/bold]", "2"]]
    assert len({line.rindex(word) for line, word in zip(lines[1:], ("value", "1", "2"), strict=True)}) == 1


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("tast", "pre"), {"predict", "preview"}),
        (("tast", "predict", "--fo"), {"--format"}),
        (("tast", "predict", "--format", ""), {"csv", "json", "parquet", "edf", "fhir", "fhir-r5"}),
        (("tast", "completion", "z"), {"zsh"}),
    ],
)
def test_bash_completes(tmp_path, words, offered):
    """The words as bash hands them over, the function that the script registers, and what it leaves in COMPREPLY."""
    given = " ".join(f'"{word}"' for word in words)
    script = f"""
        source <(tast completion bash)
        registered=$(complete -p tast); function=${{registered#*-F }}; function=${{function%% *}}
        COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}
        $function tast "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = in_pipe(["bash", "--norc", "-c", script], tmp_path, environment(PATH=path))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize(
    ("shell", "told"), [("bash", "complete -o default -F"), ("zsh", "#compdef tast"), ("fish", "complete --command tast")]
)
def test_every_shell_has_its_script(shell, told):
    result = CliRunner().invoke(cli.app, ["completion", shell])
    assert result.exit_code == 0 and told in result.stdout and "_TAST_COMPLETE" in result.stdout
