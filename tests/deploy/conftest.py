"""What the checks of deploy/ share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


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


PROVED = []


@pytest.fixture
def proved():
    """proved(sentence): what the test has shown, for the end of the run."""
    return PROVED.append


def pytest_terminal_summary(terminalreporter):
    for sentence in PROVED:
        terminalreporter.write_line(f"proved: {sentence}")
