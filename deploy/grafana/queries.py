"""The PromQL that panels share, and the objectives that their thresholds come from."""

from pathlib import Path

import yaml

SERVER = 'job=~"$job", namespace=~"$namespace", instance=~"$instance"'
MODEL = SERVER + ', model=~"$model"'
FAULTS = "UNKNOWN|INTERNAL|UNAVAILABLE|DATA_LOSS"
RATE = "[$__rate_interval]"


def objective(name):
    """Value of a radio:objective: series."""
    groups = yaml.safe_load((Path(__file__).resolve().parents[1] / "prometheus/rules.yaml").read_text())["groups"]
    rule = next(r for g in groups for r in g["rules"] if r.get("record") == f"radio:objective:{name}")
    return float(rule["expr"].removeprefix("vector(").removesuffix(")"))


ERROR_RATIO = objective("error_ratio")
LATENCY = objective("latency_seconds")
QUEUE = objective("queue_seconds")


def rate(series, by, matchers=SERVER):
    """Sum over `by` of a counter's rate."""
    return f"sum by ({by}) (rate({series}{{{matchers}}}{RATE}))"


def quantile(q, histogram, by="", matchers=SERVER):
    return f"histogram_quantile({q}, {rate(histogram + '_bucket', (by + ', le').lstrip(', '), matchers)})"


def quantiles(histogram, matchers=SERVER, by=""):
    suffix = f" {{{{{by}}}}}" if by else ""
    return [(quantile(q, histogram, by, matchers), f"p{round(q * 100)}{suffix}") for q in (0.5, 0.95, 0.99)]


def mean(histogram, by, matchers=SERVER):
    return f"{rate(histogram + '_sum', by, matchers)} / {rate(histogram + '_count', by, matchers)}"


def buckets(histogram, matchers=SERVER):
    return f"sum by (le) (increase({histogram}_bucket{{{matchers}}}{RATE}))"


def share(series, part, matchers=SERVER):
    """Share of a counter's increase that has the matcher `part`; nothing without any increase."""
    whole = f"sum(rate({series}{{{matchers}}}{RATE}))"
    return f"sum(rate({series}{{{matchers}, {part}}}{RATE})) / ({whole} > 0)"


READY_SERVERS = (
    f"count((min by (namespace, job, instance) (radio_model_ready{{{SERVER}}}) == 1) unless "
    f"on (namespace, job, instance) (radio_draining{{{SERVER}}} == 1)) or vector(0)"
)
FILL = (
    f"max(radio_inflight_items{{{SERVER}}} / radio_inflight_items_limit{{{SERVER}}}"
    f" or radio_inflight_bytes{{{SERVER}}} / radio_inflight_limit_bytes{{{SERVER}}})"
)
BUSY = f"sum by (model, instance) (rate(radio_batch_duration_seconds_sum{{{MODEL}}}{RATE}))"
BUSY_BY_MODEL = rate("radio_batch_duration_seconds_sum", "model", MODEL)
