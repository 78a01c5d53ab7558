"""deploy/prometheus/rules.yaml as data."""

import yaml
from metric_table import REPOSITORY

PROMETHEUS = REPOSITORY / "deploy/prometheus"


def read(path=PROMETHEUS / "rules.yaml"):
    return yaml.safe_load(path.read_text())["groups"]


def rules_of(groups):
    return [rule for group in groups for rule in group["rules"]]


def recorded(groups):
    """{recorded series: labels that it may have beside the target's}."""
    return {rule["record"]: {"model"} for rule in rules_of(groups) if "record" in rule}


def alerts(groups):
    return [rule for rule in rules_of(groups) if "alert" in rule]
