"""What server/metric_table.cc defines, read from its text, and whether a PromQL expression goes with it."""

import re
from dataclasses import dataclass
from pathlib import Path

import promql

REPOSITORY = Path(__file__).resolve().parents[2]
# Labels that Prometheus, not the server, puts on a series.
TARGET_LABELS = {"job", "instance", "namespace", "pod", "le"}
SUFFIXES = {"Histogram": ("_bucket", "_sum", "_count"), "Counter": ("",), "Gauge": ("",)}
# Metrics that Prometheus makes.
PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}


@dataclass(frozen=True)
class Metric:
    type: str  # Counter, Gauge or Histogram
    labels: frozenset


def read_metrics():
    """{name: Metric} of the table."""
    text = (REPOSITORY / "server/metric_table.cc").read_text()
    entry = re.compile(r'\{Metric::\w+,\s*k(Counter|Gauge|Histogram),\s*"(\w+)",\s*"([\w,]*)",')
    return {
        name: Metric(type_, frozenset(filter(None, labels.split(",")))) for type_, name, labels in entry.findall(text)
    }


def read_label_values():
    """{label: all its values}, for the labels whose values are not a matter of configuration."""
    text = (REPOSITORY / "server/metric_table.cc").read_text()
    values = {
        label: set(re.findall(r'"(\w+)"', names))
        for label, names in re.findall(r'label == "(\w+)"\) return \{(.*?)\};', text, re.S)
    }
    errors = (REPOSITORY / "model/errors.cc").read_text()
    values["reason"] = set(re.findall(r'\{Reason::\w+, Code::\w+, "(\w+)"', errors))
    # absl::StatusCodeToString of every code.
    values["grpc_code"] = set(
        "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
        "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
        "UNAUTHENTICATED".split()
    )
    return values


class Checker:
    """recorded: {series that rules record: their labels}."""

    def __init__(self, recorded=None):
        self.metrics = read_metrics()
        self.values = read_label_values()
        self.recorded = dict(recorded or {})

    def labels_of(self, series):
        """Labels of a series name, None when there is no such series."""
        if series in PROMETHEUS:
            return PROMETHEUS[series]
        if series in self.recorded:
            return self.recorded[series]
        for name, metric in self.metrics.items():
            if series in {name + suffix for suffix in SUFFIXES[metric.type]}:
                return metric.labels
        return None

    def family_of(self, series):
        return next((n for n, m in self.metrics.items() if series in {n + s for s in SUFFIXES[m.type]}), None)

    def problems(self, expression):
        """What is wrong with `expression`, as sentences; Grafana's variables are taken for any value."""
        result = []
        for selector in promql.selectors(expression):
            labels = self.labels_of(selector.series)
            if labels is None:
                result.append(f"{selector.series} is not exported")
                continue
            for label, operator, value in selector.matchers:
                if label not in labels | TARGET_LABELS:
                    result.append(f"{selector.series} has no label {label}")
                elif label in self.values and "$" not in value:
                    wanted = value.split("|") if operator in ("=~", "!~") else [value]
                    result += [f"{label} is never {v!r}" for v in wanted if v not in self.values[label]]
        return result
