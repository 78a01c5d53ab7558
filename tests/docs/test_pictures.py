"""Pictures of the pages are what tools/pictures.sh makes."""

import re
import subprocess
import sys

import pytest
from page_script import read
from PIL import Image
from served import REPOSITORY
from test_every_block import pages

CLI = REPOSITORY / "tools/cli_picture.py"
SCRIPTS = [*REPOSITORY.glob("tools/*_picture.py")]


def shown(text):
    """Files that a page shows."""
    return re.findall(r"!\[[^\]]*\]\(([^)]+)\)|<img src=\"([^\"]+)\"", text)


def test_every_picture_that_a_page_shows_is_made_by_a_script_and_every_one_made_is_shown():
    named = {a or b for page in pages() for a, b in shown(read(page))}
    names = {name.rsplit("/", 1)[-1] for name in named}
    assert names == {path.name for path in (REPOSITORY / "docs/images").iterdir()}
    sources = "".join(script.read_text() for script in SCRIPTS)
    for name in names:
        stem, suffix = name.split(".")
        assert f'"{name}"' in sources or f'"{stem}": ({stem}, "{suffix}")' in sources, name
    for script in SCRIPTS:
        assert script.name.removesuffix("_picture.py") in read("tools/pictures.sh"), script


def test_only_what_is_asked_for_is_drawn(tmp_path):
    done = subprocess.run([sys.executable, CLI, "--out", tmp_path, "heat", "sizes"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"heat.jpg", "sizes.jpg"}
    # The photo, and its picture at three sizes.
    assert Image.open(tmp_path / "sizes.jpg").width > 3 * Image.open(tmp_path / "sizes.jpg").height


@pytest.mark.parametrize("command", [[sys.executable, CLI, "nonesuch"], [REPOSITORY / "tools/pictures.sh", "nonesuch"]])
def test_an_unknown_picture_is_wrong_usage(command):
    assert subprocess.run(command, capture_output=True).returncode == 2
