"""A page of docs/ as a program, and a folder in which it can run."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from served import REPOSITORY

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
# What no block that is not run may begin a line with.
PROGRAMS = re.compile(
    r"^(?:\$ )?(radio|radio-export|python|pip|helm|kubectl|docker|bazel|bazel-bin/\S+|tools/\S+|\.venv/\S+) ", re.M
)
# Programs that would change the machine, need a network or need a cluster, and what stands in for them.
STAND_INS = ("bazel", "docker", "helm", "kubectl", "pip", "radio-export")


# How a block of each language is run, as shell.
RUNNERS = {
    "sh": "{content}",
    "python": "python - <<'END_OF_PYTHON'\n{content}END_OF_PYTHON",
    "textproto": "cat >page.textproto <<'END_OF_TEXTPROTO'\n{content}END_OF_TEXTPROTO\n"
    "bazel-bin/server/main/radio_server --config=page.textproto --check_config",
}


def blocks(text):
    """[(language, content)] of a page."""
    return FENCE.findall(text)


def script(text):
    """The page's blocks as one shell script, but for those of languages that no shell runs."""
    parts = [
        RUNNERS[language].replace("{content}", content) for language, content in blocks(text) if language in RUNNERS
    ]
    return "\n".join(["set -euo pipefail", *parts])


def unexecuted(text):
    """Lines of commands in blocks that are not run."""
    return [
        match.group(0)
        for language, content in blocks(text)
        if language not in RUNNERS
        for match in PROGRAMS.finditer(content)
    ]


def workspace(folder):
    """A checkout with its own outputs: the sources are the repository's, `out` and what is installed are not."""
    root = folder / "checkout"
    root.mkdir()
    for name in ("bazel-bin", "config", "deploy", "docs", "examples", "proto", "tests"):
        (root / name).symlink_to(REPOSITORY / name)
    shutil.copytree(REPOSITORY / "python", root / "python", ignore=shutil.ignore_patterns("build", "*_pb2*"))
    (root / "tools").mkdir()
    programs = root / ".venv/bin"
    programs.mkdir(parents=True)
    for program in (REPOSITORY / ".venv/bin").iterdir():
        if program.name not in STAND_INS:
            # Not a link: the interpreter finds its packages from where it lies.
            write_program(programs / program.name, f'exec "{program}" "$@"')
    for name in STAND_INS:
        write_program(programs / name, f'exec "{sys.executable}" "{REPOSITORY}/tests/docs/stand_ins.py" {name} "$@"')
    shutil.copy(REPOSITORY / "tools/quickstart.sh", root / "tools")
    # Themselves run by the test run that runs this, or run it.
    write_program(root / "tools/setup.sh", '[ "$*" = --run-only ] || [ $# = 0 ]')
    for name in ("test", "pictures"):
        write_program(root / f"tools/{name}.sh", "[ $# = 0 ]")
    is_check = f'grep -q "^check_$name()" "{REPOSITORY}/tools/check.sh"'
    write_program(root / "tools/check.sh", f'for name in "$@"; do {is_check}; done')
    return root


def write_program(path, command):
    path.write_text(f"#!/bin/bash -e\n{command}\n")
    path.chmod(0o755)


def run(text, root, address, replaced=(), **environment):
    """Runs a page whose server is at `address`; (exit code, output). replaced: pairs of texts."""
    body = script(text).replace("localhost:50051", address)
    for old, new in replaced:
        assert old in body, old
        body = body.replace(old, new)
    path = f"{root}/.venv/bin:{os.environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-c", body],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PATH": path, "RADIO_SERVER": address, "STAND_IN_STATE": str(root / "state"), **environment},
    )
    try:
        output, _ = process.communicate(timeout=250)
    except subprocess.TimeoutExpired as late:
        return 124, f"{(late.stdout or b'').decode()}\n(still running after {late.timeout:g} s)"
    finally:
        # What the page left in the background, and only that: the session is its own.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return process.returncode, output


def read(name):
    return Path(REPOSITORY / name).read_text()
