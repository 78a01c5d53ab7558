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


PROVED = []  # (topic, sentence)
PLANTED = {}  # what was planted -> [number found, number planted]


@pytest.fixture
def proved(request):
    """proved(sentence): what the test has shown, for the table at the end of the run."""
    topic = request.module.__name__.removeprefix("test_").replace("_", " ")
    return lambda sentence: PROVED.append((topic, sentence))


def pytest_addoption(parser):
    parser.addoption("--complete", action="store_true", help="a test that is skipped is a failure")


def pytest_configure(config):
    config.addinivalue_line("markers", "planted(fault): passes when the checks find this planted fault")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    mark = item.get_closest_marker("planted")
    if mark and report.when == "call":
        counts = PLANTED.setdefault(mark.args[0], [0, 0])
        counts[0] += report.passed
        counts[1] += 1
    return report


def pytest_sessionfinish(session):
    skipped = session.config.pluginmanager.get_plugin("terminalreporter").stats.get("skipped")
    if skipped and session.config.getoption("--complete", default=False) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    rows = [*PROVED, *(("planted", f"{fault}: {n} of {all_} found") for fault, (n, all_) in PLANTED.items())]
    if not rows:
        return
    terminalreporter.section("what this run has proved")
    width = max(len(topic) for topic, _ in rows)
    for topic, sentence in rows:
        terminalreporter.write_line(f"{topic:{width}}  {sentence}")
