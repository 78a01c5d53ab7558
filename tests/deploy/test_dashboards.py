"""Dashboards: as generated, by the rules of good ones, and about series that exist."""

import copy
import json
import re

import dashboard_file
import promql
import pytest
import yaml
from metric_table import REPOSITORY
from programs import promtool

BOARDS = dashboard_file.read()
RUNBOOK = (REPOSITORY / "docs/runbook.md").read_text()


def lint(board):
    """What is wrong with a dashboard, as sentences."""
    result = []
    say = result.append
    variables = {v["name"]: v for v in board["templating"]["list"]}
    if not {"datasource", "namespace", "job", "instance"} <= set(variables):
        say("a variable is missing")
    for name, variable in variables.items():
        if variable["type"] == "query" and not (
            variable["refresh"] == 2 and variable["multi"] and variable["allValue"]
        ):
            say(f"variable {name} does not follow the time range or has no All")
    if board["editable"]:
        say("the dashboard can be edited in place")
    if len({p["id"] for p in board["panels"]}) != len(board["panels"]):
        say("panels share an id")
    for panel in dashboard_file.panels(board):
        where = panel["title"]
        if not panel["title"] or len(panel["description"]) < 10:
            say(f"{where}: no title or description")
        if not panel["fieldConfig"]["defaults"].get("unit"):
            say(f"{where}: no unit")
        if any(
            s["uid"] != "${datasource}" for s in [panel["datasource"], *(t["datasource"] for t in panel["targets"])]
        ):
            say(f"{where}: not the data source of the variable")
        if not panel["targets"]:
            say(f"{where}: asks nothing")
        for link in panel.get("links", []):
            base, anchor = link["url"].split("#")
            if base != "${runbook}" or not re.search(rf"^## {anchor}$", RUNBOOK, re.M | re.I):
                say(f"{where}: no runbook section {anchor}")
        for target in panel["targets"]:
            for problem in lint_expression(target["expr"]):
                say(f"{where}: {problem}")
    return result


def lint_expression(expression):
    result = []
    if re.search(r"\[(?!\$__rate_interval\])", expression):
        result.append("a range other than $__rate_interval")
    for selector in promql.selectors(expression):
        matchers = {(label, value) for label, _, value in selector.matchers}
        if not {("job", "$job"), ("instance", "$instance"), ("namespace", "$namespace")} <= matchers:
            result.append(f"{selector.series} is not limited to the chosen servers")
        counter = selector.series.endswith(("_total", "_bucket", "_sum", "_count"))
        if counter and not re.search(rf"\b(rate|increase)\({selector.series}[{{[]", expression):
            result.append(f"{selector.series} is a counter without rate")
    return result


def overlaps(board):
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if at["x"] + at["w"] > 24 or cells & taken:
            return [panel["title"]]
        taken |= cells
    return []


def test_the_files_are_what_the_generator_writes():
    assert {p.name: t for p, t in dashboard_file.generated().items()} == {
        p.name: p.read_text() for p in dashboard_file.GRAFANA.glob("*.json")
    }


@pytest.mark.parametrize("name", BOARDS)
def test_dashboards_follow_the_rules(name):
    assert lint(BOARDS[name]) == []
    assert overlaps(BOARDS[name]) == []
    assert BOARDS[name]["uid"] == name.removesuffix(".json")


@pytest.mark.parametrize("name", BOARDS)
def test_expressions_name_series_and_labels_that_the_server_exports(name, checker):
    for where, expression in dashboard_file.expressions(BOARDS[name]):
        assert checker.problems(expression) == [], where


def test_promtool_parses_every_expression(tmp_path, proved):
    asked = {e for board in BOARDS.values() for _, e in dashboard_file.expressions(board)}
    rules = [{"record": f"x:{i}", "expr": dashboard_file.with_values(e)} for i, e in enumerate(sorted(asked))]

    def check(rules):
        (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": rules}]}))
        return promtool("check", "rules", tmp_path / "rules.yaml")

    code, output = check(rules)
    assert code == 0, output
    code, output = check([*rules, {"record": "x:broken", "expr": rules[0]["expr"] + ")"}])
    assert code != 0 and "x:broken" in output
    panels = sum(len(dashboard_file.panels(board)) for board in BOARDS.values())
    proved(f"{panels} panels on {len(BOARDS)} dashboards ask {len(asked)} valid questions about series that exist")


def planted(change):
    board = copy.deepcopy(BOARDS["radio-overview.json"])
    change(next(p for p in board["panels"] if p["title"] == "CPU"))
    return board


@pytest.mark.parametrize(
    "fault, problem",
    [
        (lambda p: p["fieldConfig"]["defaults"].pop("unit"), "CPU: no unit"),
        (lambda p: p.update(description=""), "CPU: no title or description"),
        (lambda p: p["datasource"].update(uid="abc"), "CPU: not the data source of the variable"),
        (lambda p: p.update(links=[{"url": "${runbook}#radiocpu"}]), "CPU: no runbook section radiocpu"),
        (
            lambda p: p["targets"][0].update(expr="rate(process_cpu_seconds_total[$__rate_interval])"),
            "CPU: process_cpu_seconds_total is not limited to the chosen servers",
        ),
        (
            lambda p: p["targets"][0].update(expr=p["targets"][0]["expr"].replace("$__rate_interval", "1m")),
            "CPU: a range other than $__rate_interval",
        ),
        (
            lambda p: p["targets"][0].update(expr=p["targets"][0]["expr"].replace("rate(", "sum(")),
            "CPU: process_cpu_seconds_total is a counter without rate",
        ),
    ],
)
@pytest.mark.planted("a fault of a panel")
def test_a_planted_fault_breaks_a_rule(fault, problem):
    assert lint(planted(fault)) == [problem]


@pytest.mark.planted("a typo in a dashboard's query")
def test_a_typo_in_a_query_is_found(checker):
    text = json.dumps(BOARDS["radio-batching.json"]).replace("radio_batch_fill_ratio", "radio_batch_fil_ratio")
    found = [p for _, e in dashboard_file.expressions(json.loads(text)) for p in checker.problems(e)]
    assert "radio_batch_fil_ratio_bucket is not exported" in found


def test_every_metric_is_shown_or_listed_as_not_shown(checker):
    selectors = [s for b in BOARDS.values() for _, e in dashboard_file.expressions(b) for s in promql.selectors(e)]
    shown = {checker.family_of(s.series) for s in selectors} - {None}
    hidden = yaml.safe_load((dashboard_file.GRAFANA / "not_shown.yaml").read_text())
    assert all(hidden.values()), "every metric that is not shown has a reason"
    assert shown | set(hidden) >= set(checker.metrics)
    assert not shown & set(hidden)
