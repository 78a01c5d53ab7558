"""C++ of the pages: docs/client.md's commands run as they stand against a real server, and the shorter examples with
what they install."""

import os
import re
import subprocess

import pytest
from page_script import blocks, read
from served import REPOSITORY

PAGE = read("docs/client.md")


def commands(page, heading):
    """The first shell block below a heading."""
    return re.search(rf"^#+ {re.escape(heading)}\n.*?^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE).group(1)


def replaced(text, changes):
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, str(new))
    return text


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Where the library is installed."""
    folder = tmp_path_factory.mktemp("prefix") / "radio"
    command = [REPOSITORY / "tools/install_client.sh", "--prefix", folder]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


def test_the_example_builds_against_the_installed_library_and_runs(served, prefix, tmp_path):
    server = served[0]
    text = commands(PAGE, "Installed")
    script = replaced(text, {"/opt/radio": prefix, "localhost:50051": server.grpc})
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
    failed = subprocess.run([prefix / "features", server.grpc, bad], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "INVALID_ARGUMENT [IMAGE_UNDECODABLE]" in failed.stderr


def test_the_shorter_examples_compile_and_run(served, prefix, tmp_path):
    """README.md's, and the one at the top of client/feature_client.h."""
    [readme] = [content for language, content in blocks(read("README.md")) if language == "cpp"]
    comment = re.search(
        r"Everything a program needs:\n//\n(.*?)\n//\n// Every error", read("client/feature_client.h"), re.S
    )
    header = "\n".join(line.removeprefix("//") for line in comment.group(1).splitlines())
    header = replaced(
        header, {"features.example:50051": served[0].grpc, "absl::Span<const float> vector = ": "kept = "}
    )
    source = tmp_path / "short.cc"
    source.write_text(
        f"""
#include <cstdio>
#include <fstream>
#include <iterator>

#include "client/feature_client.h"

absl::Status FromHeader(const std::string& jpeg_bytes) {{
absl::Span<const float> kept;
{header}
std::printf("header %zu\\n", kept.size());
return absl::OkStatus();
}}

int main(int, char** arguments) {{
std::ifstream file(arguments[1], std::ios::binary);
const std::string jpeg_bytes(std::istreambuf_iterator<char>(file), {{}});
{replaced(readme, {"localhost:50051": served[0].grpc})}
std::printf("readme %zu\\n", summary->size());
return FromHeader(jpeg_bytes).ok() ? 0 : 1;
}}
"""
    )
    flags = ["pkg-config", "--cflags", "--libs", "radio_client"]
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    options = subprocess.run(flags, env=environment, check=True, capture_output=True, text=True).stdout.split()
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", source, "-o", tmp_path / "short", *options]
    compiled = subprocess.run(command, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    photo = REPOSITORY / "examples/images/cat.jpg"
    done = subprocess.run([tmp_path / "short", photo], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    readme_size, header_size = re.fullmatch(r"readme (\d+)\nheader (\d+)\n", done.stdout).groups()
    assert readme_size == header_size and int(readme_size) > 0
