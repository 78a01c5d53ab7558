"""deploy/grafana as data."""

import importlib
import json
import sys

from metric_table import REPOSITORY

GRAFANA = REPOSITORY / "deploy/grafana"


def read():
    """{file name: dashboard}."""
    return {path.name: json.loads(path.read_text()) for path in sorted(GRAFANA.glob("*.json"))}


def generated():
    """{path: text} as generate.py would write them."""
    sys.path.insert(0, str(GRAFANA))
    return importlib.import_module("generate").files()


def panels(board):
    """All panels but the rows' headers."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board):
    """Everything that a dashboard asks Prometheus: [(where, expression)]."""
    result = [(panel["title"], target["expr"]) for panel in panels(board) for target in panel["targets"]]
    return result + [(a["name"], a["expr"]) for a in board["annotations"]["list"]]


def with_values(expression, interval="5m"):
    """The expression as Grafana sends it with every variable on All."""
    for name in ("job", "namespace", "instance", "model"):
        expression = expression.replace(f'"${name}"', '".*"')
    return expression.replace("$__rate_interval", interval)
