"""The commands of docs/client.md for C++ programs, run as they stand against a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/integration"))
from served import SERVER, Server, export_demo  # noqa: E402

PAGE = (REPOSITORY / "docs/client.md").read_text()


def commands(page, heading):
    """The first shell block below a heading."""
    return re.search(rf"^#+ {re.escape(heading)}\n.*?^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE).group(1)


def replaced(text, changes):
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, str(new))
    return text


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not SERVER.exists():
        pytest.skip("no bazel-bin/server/main/radio_server (bazel build -c opt //server/main:radio_server)")
    model = export_demo(tmp_path_factory.mktemp("model") / "demo", "radio_v2.1")
    started = Server(tmp_path_factory.mktemp("server"), {"demo": model})
    yield started
    assert started.stop() == 0


def test_the_example_builds_against_the_installed_library_and_runs(server, tmp_path):
    text = commands(PAGE, "Installed")
    script = replaced(text, {"/opt/radio": tmp_path / "radio", "localhost:50051": server.grpc})
    compile_line = [line for line in script.splitlines() if line.startswith("g++ ")]
    assert len(compile_line) == 1, "one command builds the example"
    # The compiler must find everything below the prefix, so it does not run in the source tree.
    outside = tmp_path / "outside"
    outside.mkdir()
    example = outside / "features.cc"
    example.write_bytes((REPOSITORY / "examples/cpp/features.cc").read_bytes())
    script = replaced(
        script, {"examples/cpp/features.cc": example, "g++ ": f"cd {outside}\ng++ -Wall -Wextra -Werror "}
    )
    script = replaced(script, {"examples/images": REPOSITORY / "examples/images"})
    environment = {k: v for k, v in os.environ.items() if k != "PKG_CONFIG_PATH"}
    done = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if ": summary [" in line]
    assert len(lines) == len(list((REPOSITORY / "examples/images").glob("*.jpg"))), done.stdout
    assert all(re.search(r"summary \[\d+\] = .*, features \[\d+, \d+, \d+\]$", line) for line in lines), lines

    bad = outside / "bad.jpg"
    bad.write_bytes(b"no image")
    failed = subprocess.run([tmp_path / "radio/features", server.grpc, bad], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "INVALID_ARGUMENT [IMAGE_UNDECODABLE]" in failed.stderr
