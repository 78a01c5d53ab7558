"""Alerts and recording rules: valid, tested, documented, and about series that exist."""

import re

import metric_table
import promql
import pytest
import rule_file
import yaml
from programs import promtool
from rule_file import PROMETHEUS

TESTS = sorted((PROMETHEUS / "tests").glob("*.yaml"))
RUNBOOK = (metric_table.REPOSITORY / "docs/runbook.md").read_text()


def test_promtool_accepts_the_configuration_and_the_rules():
    code, output = promtool("check", "config", PROMETHEUS / "prometheus.yaml")
    assert code == 0, output


@pytest.mark.parametrize("file", TESTS, ids=lambda f: f.stem)
def test_rules_fire_and_are_silent_as_their_cases_say(file):
    code, output = promtool("test", "rules", file)
    assert code == 0, output


@pytest.mark.planted("a changed threshold of an alert")
def test_a_changed_threshold_turns_the_cases_red(tmp_path):
    text = (PROMETHEUS / "rules.yaml").read_text()
    assert "> 0.01" in text
    (tmp_path / "rules.yaml").write_text(text.replace("> 0.01", "> 0.1"))
    case = yaml.safe_load((PROMETHEUS / "tests/load.yaml").read_text())
    case["rule_files"] = ["rules.yaml"]
    case["tests"] = [t for t in case["tests"] if t["name"].startswith("RadioRefusing")]
    (tmp_path / "load.yaml").write_text(yaml.safe_dump(case))
    code, output = promtool("test", "rules", tmp_path / "load.yaml")
    assert code != 0 and "RadioRefusing" in output


def test_every_alert_has_a_firing_and_a_silent_case(rules, proved):
    cases = [c for f in TESTS for t in yaml.safe_load(f.read_text())["tests"] for c in t["alert_rule_test"]]
    for name in {a["alert"] for a in rule_file.alerts(rules)}:
        own = [bool(c["exp_alerts"]) for c in cases if c["alertname"] == name]
        assert True in own, f"{name}: no firing case"
        assert False in own, f"{name}: no silent case"
    proved(f"{len({c['alertname'] for c in cases})} alerts fire and are silent as {len(cases)} cases for promtool say")


def test_every_alert_has_a_severity_a_summary_and_a_runbook_section(rules):
    sections = set(re.findall(r"^## (Radio\w+)$", RUNBOOK, re.M))
    names = {a["alert"] for a in rule_file.alerts(rules)}
    assert names == sections
    for alert in rule_file.alerts(rules):
        name = alert["alert"]
        severity = alert["labels"]["severity"]
        assert severity in ("page", "ticket", "info"), name
        section = RUNBOOK.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert f"*{severity}" in section or f"or *{severity}" in section or "as above" in section, name
        assert alert["annotations"]["summary"], name
        assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"


def test_expressions_name_series_and_labels_that_the_server_exports(rules, checker):
    for rule in rule_file.rules_of(rules):
        assert checker.problems(rule["expr"]) == [], rule


def test_every_selector_of_the_servers_series_names_the_job(rules, checker):
    # The chart replaces the job by the release's; a selector without it would see other releases.
    for rule in rule_file.rules_of(rules):
        for selector in promql.selectors(rule["expr"]):
            if selector.series not in checker.recorded:
                assert ("job", "=", "radio-server") in selector.matchers, rule
                assert 'job="radio-server"' in rule["expr"], rule


@pytest.mark.parametrize(
    "expression, problem",
    [
        ("rate(radio_image_total[5m])", "radio_image_total is not exported"),
        ("radio_batch_images", "radio_batch_images is not exported"),
        ('radio_images_total{outcome="faild"}', "outcome is never 'faild'"),
        ('radio_requests_total{grpc_code=~"INTERNAL|UNAVAILBLE"}', "grpc_code is never 'UNAVAILBLE'"),
        ('radio_rejected_total{reason="QUEUE_OVERFULL"}', "reason is never 'QUEUE_OVERFULL'"),
        ('radio_queue_depth{outcome="ok"}', "radio_queue_depth has no label outcome"),
        ("sum by (model) (radio:images:rate1m)", "radio:images:rate1m is not exported"),
    ],
)
@pytest.mark.planted("a typo in a rule")
def test_a_planted_typo_is_found(checker, expression, problem):
    assert checker.problems(expression) == [problem]


@pytest.mark.planted("a metric that is removed from the server")
def test_a_metric_that_is_removed_from_the_server_is_missed(rules, checker):
    used = {checker.family_of(s.series) for r in rule_file.rules_of(rules) for s in promql.selectors(r["expr"])} - {
        None
    }
    assert used
    for name in used:
        poorer = metric_table.Checker(rule_file.recorded(rules))
        del poorer.metrics[name]
        assert any(poorer.problems(r["expr"]) for r in rule_file.rules_of(rules)), name


def test_what_the_runbook_names_exists(checker):
    config = (metric_table.REPOSITORY / "config/server_config.proto").read_text()
    fields = set(re.findall(r"(\w+) = \d+ ?[\[;]", config))
    others = {"embedding_space", "round_robin", "runbook_url", "request_id", "trace_id", "span_id"}
    names = set(re.findall(r"`(radio:[\w:]+|(?:\w+\.)?[a-z]+(?:_[a-z]+)+)`", RUNBOOK))
    assert {"radio:objective:latency_seconds", "radio_requests_in_flight", "decode.max_pixels"} <= names
    for name in names - others:
        assert checker.labels_of(name) is not None or name.split(".")[-1] in fields, f"docs/runbook.md names {name}"
