"""What the checks of deploy/ share."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "deploy"), str(TESTS / "integration")]


@pytest.fixture(scope="session")
def rules():
    """The groups of deploy/prometheus/rules.yaml."""
    import rule_file

    return rule_file.read()


@pytest.fixture(scope="session")
def checker(rules):
    """What expressions may name."""
    import metric_table
    import rule_file

    return metric_table.Checker(rule_file.recorded(rules))


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    """The messages and the service stub of radio.v1."""
    stubs = pytest.importorskip("stubs")
    return stubs.load(tmp_path_factory.mktemp("stubs"))


PROVED = []


@pytest.fixture
def proved():
    """proved(sentence): what the test has shown, for the end of the run."""
    return PROVED.append


def pytest_terminal_summary(terminalreporter):
    for sentence in PROVED:
        terminalreporter.write_line(f"proved: {sentence}")
