"""No block of any page is left out: it is run by a test that is named here, or it is text without a command in it."""

import subprocess

import pytest
from page_script import RUNNERS, blocks, read, unexecuted
from served import REPOSITORY

# Pages that tests/docs/test_task_pages.py runs from top to bottom.
WHOLE = {
    "CONTRIBUTING.md",
    "README.md",
    "deploy/helm/radio-server/README.md",
    "docs/embed.md",
    "docs/exporting.md",
    "docs/kubernetes.md",
    "docs/runbook.md",
    "docs/segmentation.md",
    "docs/serve.md",
    "docs/zero_shot.md",
    "python/README.md",
}
# Blocks of other pages, and those that no shell runs: (page, first line) and the test that runs them.
BLOCKS = {
    ("README.md", "auto client = radio::client::FeatureClient::Connect({"): "tests/docs/test_client_page.py",
    ("docs/client.md", "tools/install_client.sh --prefix /opt/radio"): "tests/docs/test_client_page.py",
    ("docs/open_inference.md", "import numpy as np"): "tests/integration/test_open_inference.py",
    ("docs/open_inference.md", "perf_analyzer -i grpc"): "tests/integration/test_open_inference.py",
}


def pages():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split()
    return [page for page in listed if (REPOSITORY / page).exists()]


def entry_of(page, content):
    first = content.splitlines()[0]
    return next((entry for entry in BLOCKS if entry[0] == page and first.startswith(entry[1])), None)


def left_out(page, text):
    """Why blocks of a page are not what they must be, a line each."""
    found = blocks(text)
    complaints = []
    if 2 * len(found) != sum(line.lstrip().startswith("```") for line in text.splitlines()):
        complaints.append(f"{page}: a fence is indented or not closed")
    for language, content in found:
        run = (page in WHOLE and language in RUNNERS) or entry_of(page, content) is not None
        if language != "text" and not run:
            complaints.append(f"{page}: no test runs the block of {language or 'no language'}:\n{content}")
    return complaints + [f"{page}: a command in a block of text: {line}" for line in unexecuted(text)]


def test_every_block_is_run_or_text():
    assert [complaint for page in pages() for complaint in left_out(page, read(page))] == []


def test_what_is_listed_exists():
    texts = {page: read(page) for page in pages()}
    used = {entry_of(page, content) for page, text in texts.items() for _, content in blocks(text)}
    assert used - {None} == set(BLOCKS)
    runner = read("tests/docs/test_task_pages.py")
    for page in WHOLE:
        assert blocks(texts[page]) and f'"{page}"' in runner, page
    for (page, _), test in BLOCKS.items():
        assert page in read(test), (page, test)


@pytest.mark.parametrize(
    "page, text, complaint",
    [
        ("docs/errors.md", "```sh\nradio models\n```\n", "no test runs the block of sh"),
        ("README.md", "```\nradio models\n```\n", "no test runs the block of no language"),
        ("README.md", "```cpp\nint i;\n```\n", "no test runs the block of cpp"),
        ("README.md", "```text\nradio models\n```\n", "a command in a block of text: radio "),
        ("README.md", "1. First\n   ```sh\n   radio models\n   ```\n", "a fence is indented"),
    ],
)
def test_a_block_that_nothing_runs_is_found(page, text, complaint):
    assert any(complaint in found for found in left_out(page, text))
