"""`radio completion bash` in a real bash."""

import re
import subprocess
from pathlib import Path

import pytest

RADIO = Path(__file__).resolve().parents[2] / "bazel-bin/client/radio"


@pytest.fixture(scope="module", autouse=True)
def built():
    if not RADIO.exists():
        pytest.skip("no bazel-bin/client/radio (bazel build -c opt //client:radio)")


def completions(*words):
    """What bash offers for the last word."""
    script = """
set -eu
source <("$0" completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_radio || true
printf '%s\\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "-c", script, RADIO, "radio", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def options_of(*command):
    """The long options that the help lists."""
    text = subprocess.run([RADIO, *command, "--help"], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^ +(?:-\w,)?(--[\w-]+)", text, re.M))


def commands():
    text = subprocess.run([RADIO, "--help"], check=True, capture_output=True, text=True).stdout
    return re.findall(r"^  (\w+) ", text[text.index("Subcommands:") :], re.M)


def test_commands_and_options_are_those_of_the_help():
    assert {"embed", "pca", "completion"} <= set(commands())
    assert set(commands()) <= completions("")
    assert completions("em") == {"embed"}
    for command in commands():
        assert options_of(command) and options_of() | options_of(command) <= completions(command, "-"), command
    # Negative control: an option of another command is not offered.
    assert "--resume" in completions("embed", "--re") and "--resume" not in completions("models", "--")


def test_values_and_arguments_are_left_to_file_names():
    assert completions("embed", "--out", "") == set()
    assert completions("embed", "pho") == set()
    assert completions("--server", "em") == set()
    # An argument that is called like a command.
    assert "--resume" in completions("embed", "models", "--re")
    # The value of an option is no command, whatever it is called.
    assert "embed" in completions("--server", "models", "em")
    assert "--resume" in completions("--server", "models", "embed", "--res")


def test_bash_itself_completes_what_the_script_registers():
    script = 'source <("$0" completion bash); complete -p radio'
    done = subprocess.run(["bash", "-c", script, RADIO], check=True, capture_output=True, text=True)
    assert done.stdout == "complete -o default -F _radio radio\n"


def test_other_shells_are_refused():
    assert subprocess.run([RADIO, "completion", "tcsh"], capture_output=True).returncode == 2
