"""The Helm chart: what it renders, what it refuses."""

import functools
import json
import os
import re
import tarfile
from pathlib import Path

import chart
import config_proto
import dashboard_file
import promql
import pytest
import rule_file
import yaml
from chart import CASES, CHART, render
from programs import promtool


@functools.cache
def rendered(case):
    return render(CASES[case])


@pytest.fixture(scope="session")
def schemas():
    """kubernetes_validate, each schema read once."""
    module = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed (PyPI)")
    module.utils.schema_contents = functools.cache(module.utils.schema_contents)
    return module


def test_lint_has_nothing_to_say():
    for case, values in CASES.items():
        report = chart.helm().lint(CHART, values=values, strict=True)
        assert not report["errors"], (case, report["errors"])
        assert [m for m in report["messages"] if m["severity"] > 1] == [], case


# Kinds that are not part of Kubernetes have no schema here: the API of their operator's version decides.
FOREIGN = {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ScaledObject", "GRPCRoute", "BackendTrafficPolicy"}


def test_kubernetes_knows_every_field(schemas, proved):
    seen, checked = set(), set()
    for case in CASES:
        for document in rendered(case):
            # Image volumes are on by default from 1.35.
            for version in ("1.35", "1.37") if case == "image-volume" else ("1.30", "1.37"):
                key = (version, json.dumps(document, sort_keys=True))
                if document["kind"] in FOREIGN or key in seen:
                    continue
                seen.add(key)
                checked.add(document["kind"])
                schemas.validate(document, version, strict=True)
    assert {"Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget", "HorizontalPodAutoscaler"} <= checked
    proved(f"Helm renders {len(CASES)} configurations; {len(seen)} objects of {len(checked)} kinds are valid")


@pytest.mark.planted("a field that Kubernetes does not know")
def test_an_unknown_field_is_found(schemas, tmp_path):
    path = chart.copy_with(tmp_path, "templates/deployment.yaml", "minReadySeconds:", "minReadySecond:")
    with pytest.raises(schemas.ValidationError, match="minReadySecond"):
        schemas.validate(chart.the(render({}, path), "Deployment"), "1.37", strict=True)


@pytest.mark.parametrize("case", CASES)
def test_what_must_hold_holds(case):
    assert chart.problems(rendered(case)) == []


@pytest.mark.parametrize(
    "file, old, new, problem",
    [
        (
            "templates/deployment.yaml",
            '"service" "liveness"',
            '"service" "livenes"',
            "the liveness probe asks for livenes, which the server does not know",
        ),
        (
            "templates/deployment.yaml",
            'include "radio-server.graceSeconds" .',
            '"40"',
            "the grace period ends before the drain does",
        ),
        ("templates/service.yaml", "targetPort: grpc", "targetPort: grcp", "Service demo-radio-server: no port grcp"),
        (
            "templates/deployment.yaml",
            "readOnlyRootFilesystem: true",
            "readOnlyRootFilesystem: false",
            "container server may do too much",
        ),
        ("templates/poddisruptionbudget.yaml", '" .)) 1)', '" .)) 0)', "a disruption budget for one replica"),
    ],
)
@pytest.mark.planted("a wrong probe name, port, grace period or privilege")
def test_a_planted_fault_is_found(tmp_path, file, old, new, problem):
    path = chart.copy_with(tmp_path, file, old, new)
    assert problem in chart.problems(render({"replicaCount": 1}, path))


@pytest.mark.planted("a health name that the server loses")
def test_a_health_name_that_the_server_loses_is_missed():
    names = chart.health_names() - {"readiness"}
    assert len(chart.problems(rendered("default"), names)) == 2


def nested(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


@pytest.mark.parametrize(
    "path, value",
    [
        ("replicas", 3),
        ("image.tags", "1"),
        ("image.tag", "latest"),
        ("models", []),
        ("models", [{"name": "a b", "path": "x"}]),
        ("modelSource.type", "nfs"),
        ("modelSource", {"type": "image"}),
        ("modelSource", {"type": "initContainer"}),
        ("server.max_batch_size", 8),
        ("server.max_batch_images", 0),
        ("server.log", {"level": "TRACE"}),
        ("tls.enabled", True),
        ("probes.readiness.failureThreshold", 1),
        ("strategy", {"maxSurge": 0, "maxUnavailable": 0}),
        ("podDisruptionBudget.maxUnavailable", 0),
        ("gateway.enabled", True),
        ("autoscaling.type", "vpa"),
        ("prometheusRule.alerts", {"RadioLatencyHigh": {"threshold": 3}}),
    ],
)
@pytest.mark.planted("an unknown or wrong chart value")
def test_the_schema_refuses(path, value):
    with pytest.raises(chart.helm().HelmError, match=path.split(".")[0]):
        render(nested(path, value))


def test_a_grace_period_shorter_than_the_drain_is_refused():
    with pytest.raises(chart.helm().HelmError, match="terminationGracePeriodSeconds: 30 cuts calls off"):
        render({"terminationGracePeriodSeconds": 30})
    pod, _ = chart.server(render({"terminationGracePeriodSeconds": 300}))
    assert pod["terminationGracePeriodSeconds"] == 300


def test_settings_of_an_alert_that_does_not_exist_are_refused():
    with pytest.raises(chart.helm().HelmError, match="there is no alert RadioLatency"):
        render({"prometheusRule": {"enabled": True, "alerts": {"RadioLatency": {"enabled": False}}}})


def test_the_schema_of_server_is_the_configurations():
    schema = json.loads(config_proto.CHART_SCHEMA.read_text())["properties"]["server"]
    assert schema.pop("required") == ["drain_delay_ms", "drain_timeout_ms"]
    assert schema == config_proto.schema(), "the configuration has changed: run python tests/deploy/config_proto.py"


def test_every_value_is_in_the_schema_and_every_object_is_closed():
    def closed(schema, where=""):
        for name, part in schema.get("properties", {}).items():
            closed(part, f"{where}.{name}")
        if "properties" in schema:
            assert schema["additionalProperties"] is False, where

    schema = json.loads(config_proto.CHART_SCHEMA.read_text())
    closed(schema)
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)


@pytest.mark.parametrize("case", ["default", "gpu", "mig", "baked", "tls", "tuned"])
def test_the_server_accepts_its_configuration(case, tmp_path):
    # Every folder that a pod mounts lies below tmp_path.
    text = chart.configuration(rendered(case)).replace('"/', f'"{tmp_path}/')
    for folder in re.findall(r' path: "(.*)"', text):
        os.makedirs(folder)
        Path(folder, "manifest.textproto").touch()
    for file in re.findall(r'_file: "(.*)"', text):
        os.makedirs(os.path.dirname(file), exist_ok=True)
        Path(file).touch()
    chart.check_configuration(text, tmp_path)


def test_configurations_that_the_server_did_not_see_are_like_one_that_it_saw():
    others = ("hpa", "keda", "monitoring", "gateway", "image-volume", "init-container", "service-monitor")
    assert {chart.configuration(rendered(case)) for case in others} == {chart.configuration(rendered("default"))}


def test_gpu_pods_get_a_device_and_models_use_it():
    pod, container = chart.server(rendered("mig"))
    assert container["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == 1
    assert {t["key"] for t in pod["tolerations"]} == {"nvidia.com/gpu", "dedicated"}
    assert chart.configuration(rendered("mig")).count('device: "cuda:0"') == 2
    assert "nvidia.com" not in json.dumps(rendered("default"))


@pytest.mark.parametrize(
    "case, source",
    [
        ("default", {"persistentVolumeClaim": {"claimName": "radio-models", "readOnly": True}}),
        ("image-volume", "image"),
        ("init-container", {"emptyDir": {"sizeLimit": "8Gi"}}),
        ("baked", None),
    ],
)
def test_models_are_mounted_read_only(case, source):
    pod, container = chart.server(rendered(case))
    volume = next((v for v in pod["volumes"] if v["name"] == "models"), None)
    mount = next((m for m in container["volumeMounts"] if m["name"] == "models"), None)
    if source is None:
        assert volume is None and mount is None
        return
    assert mount["readOnly"]
    assert source in volume if isinstance(source, str) else source.items() <= volume.items()
    assert bool(pod.get("initContainers")) == (case == "init-container")


def test_autoscaling_leaves_the_number_of_replicas_to_the_scaler(checker):
    for case, kind in (("hpa", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")):
        assert "replicas" not in chart.the(rendered(case), "Deployment")["spec"]
        chart.the(rendered(case), kind)
    (metric,) = chart.the(rendered("hpa"), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] in checker.metrics


def test_keda_asks_for_series_of_this_release(checker, tmp_path):
    triggers = chart.the(rendered("keda"), "ScaledObject")["spec"]["triggers"]
    rules = []
    for trigger in triggers:
        query = trigger["metadata"]["query"]
        assert checker.problems(query) == []
        for selector in promql.selectors(query):
            assert {("job", "=", "demo-radio-server"), ("namespace", "=", "radio")} <= set(selector.matchers)
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        rules.append({"record": f"keda:{len(rules)}", "expr": query})
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "keda", "rules": rules}]}))
    code, output = promtool("check", "rules", tmp_path / "rules.yaml")
    assert code == 0, output


def test_rules_are_the_files_for_this_release_only(rules, tmp_path):
    groups = chart.the(rendered("service-monitor"), "PrometheusRule")["spec"]["groups"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    code, output = promtool("check", "rules", tmp_path / "rules.yaml")
    assert code == 0, output
    for rule, source in zip(rule_file.rules_of(groups), rule_file.rules_of(rules), strict=True):
        for selector in promql.selectors(rule["expr"]):
            if not selector.series.startswith("radio:"):
                assert {("namespace", "=", "radio"), ("job", "=", "features")} <= set(selector.matchers), rule
        assert rule["expr"].replace('namespace="radio", job="features"', 'job="radio-server"') == source["expr"]
        if "alert" in rule:
            assert rule == {**source, "expr": rule["expr"]}
        elif "labels" in rule:
            assert rule["labels"] == {"namespace": "radio", "job": "features"}
    (endpoint,) = chart.the(rendered("service-monitor"), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "features"}]


def test_rules_take_the_releases_settings():
    groups = chart.the(rendered("monitoring"), "PrometheusRule")["spec"]["groups"]
    recorded = {r["record"]: r["expr"] for r in rule_file.rules_of(groups) if "record" in r}
    assert recorded["radio:objective:latency_seconds"] == "vector(0.8)"
    assert recorded["radio:objective:error_ratio"] == "vector(0.005)"
    alerts = {a["alert"]: a for a in rule_file.alerts(groups)}
    assert "RadioLoadImbalance" not in alerts
    latency = alerts["RadioLatencyHigh"]
    assert (latency["for"], latency["labels"]["severity"]) == ("20m", "ticket")
    assert latency["annotations"]["runbook_url"] == "https://wiki.example.com/radio/runbook#radiolatencyhigh"


def test_the_chart_carries_the_dashboards():
    config = next(
        d for d in chart.of_kind(rendered("monitoring"), "ConfigMap") if d["metadata"]["name"].endswith("dashboards")
    )
    assert set(config["data"]) == set(dashboard_file.read())
    text = json.dumps(dashboard_file.read()["radio-overview.json"])
    shown = json.dumps(json.loads(config["data"]["radio-overview.json"]))
    assert shown == text.replace("docs/runbook.md", "https://wiki.example.com/radio/runbook")


def test_a_packaged_chart_holds_files_and_not_links(tmp_path):
    with chart.helm().Chart.load(CHART) as loaded:
        archive = loaded.save(tmp_path)
    with tarfile.open(archive) as package:
        members = {m.name.removeprefix("radio-server/"): m for m in package.getmembers()}
        assert members["files/rules.yaml"].isfile() and members["files/rules.yaml"].size > 10_000
        assert {f"files/{name}" for name in dashboard_file.read()} <= set(members)
        assert not any(name.startswith("ci/") for name in members)
