"""The Helm chart, rendered by Helm itself, and what must hold of anything that it renders."""

import re
import shutil
import subprocess
from pathlib import Path

import config_proto
import pytest
import yaml
from metric_table import REPOSITORY

SERVER = REPOSITORY / "bazel-bin/server/main/radio_server"
CHART = REPOSITORY / "deploy/helm/radio-server"
CASES = {
    path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text()) for path in (CHART / "ci").glob("*.yaml")
}
NAMESPACE = "radio"
# Volume types of the Pod Security Standard "restricted", with images since 1.33.
RESTRICTED_VOLUMES = set(
    "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret".split()
)


def helm():
    return pytest.importorskip("helm_python", reason="helm-python-sdk is not installed (PyPI)")


def render(values, path=CHART):
    """The objects that `helm install demo` would create, hooks included."""
    with helm().Chart.load(path) as chart:
        files = chart.render(values=values, name="demo", namespace=NAMESPACE)
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def of_kind(documents, kind):
    return [d for d in documents if d["kind"] == kind]


def the(documents, kind):
    """The only object of a kind."""
    (found,) = of_kind(documents, kind)
    return found


def server(documents):
    """The server's pod and its container."""
    pod = the(documents, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def configuration(documents):
    return next(
        d["data"]["server.textproto"] for d in of_kind(documents, "ConfigMap") if "server.textproto" in d["data"]
    )


def setting(text, field):
    """Value of a number of the configuration, its default included."""
    if found := re.search(rf"^ *{field}: (\d+)$", text, re.M):
        return int(found.group(1))
    options = next(o for fields in config_proto.messages().values() for _, _, name, o in fields if name == field)
    return int(re.search(r"default = (\d+)", options).group(1))


def health_names():
    """What grpc.health.v1 knows, but for the models."""
    return set(re.findall(r'SetServingStatus\("([^"]*)"', (REPOSITORY / "server/health.cc").read_text()))


def problems(documents, names=None):
    """What is wrong with a rendered chart, as sentences. names: health names of the server."""
    return [
        *life_problems(documents, health_names() if names is None else names),
        *port_problems(documents),
        *disruption_problems(documents),
        *[p for pod in pods(documents) for p in security_problems(pod)],
    ]


def life_problems(documents, names):
    pod, container = server(documents)
    text = configuration(documents)
    drain = -(-(setting(text, "drain_delay_ms") + setting(text, "drain_timeout_ms")) // 1000)
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    result = []
    # The server ends itself ten seconds after its drain should have.
    if pod["terminationGracePeriodSeconds"] <= sleep + drain + 10:
        result.append("the grace period ends before the drain does")
    probes = {kind: container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}
    for kind, probe in probes.items():
        name = probe["grpc"]["service"] if "grpc" in probe else probe["exec"]["command"][-1]
        if name not in names:
            result.append(f"the {kind} probe asks for {name}, which the server does not know")
    if name != "liveness":
        result.append("the liveness probe depends on more than the process")
    if probes["readiness"]["failureThreshold"] < 2:
        result.append("one slow answer takes a pod out")
    if container["ports"][0]["containerPort"] != int(re.search(r'listen_address: ".*:(\d+)"', text).group(1)):
        result.append("the gRPC port is not the configuration's")
    return result


def port_problems(documents):
    pod, container = server(documents)
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    labels = the(documents, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    result = []
    for service in of_kind(documents, "Service"):
        name = service["metadata"]["name"]
        result += [
            f"Service {name}: no port {p['targetPort']}"
            for p in service["spec"]["ports"]
            if p["targetPort"] not in ports
        ]
        if not service["spec"]["selector"].items() <= labels:
            result.append(f"Service {name} selects no pod")
    for policy in of_kind(documents, "NetworkPolicy"):
        named = {p["port"] for rule in policy["spec"]["ingress"] for p in rule["ports"]}
        if named != set(ports):
            result.append("the NetworkPolicy does not cover the ports")
        if "Egress" not in policy["spec"]["policyTypes"]:
            result.append("the NetworkPolicy leaves egress open")
    return result


def disruption_problems(documents):
    spec = the(documents, "Deployment")["spec"]
    budgets = of_kind(documents, "PodDisruptionBudget")
    result = []
    if budgets and spec.get("replicas", 2) < 2:
        result.append("a disruption budget for one replica")
    if any("minAvailable" in b["spec"] for b in budgets):
        result.append("minAvailable can keep a node from being drained")
    if spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 0}:
        result.append("a rollout can never begin")
    return result


def pods(documents):
    return [the(documents, "Deployment")["spec"]["template"]["spec"], *[d["spec"] for d in of_kind(documents, "Pod")]]


def security_problems(pod):
    """What the Pod Security Standard "restricted" and a read-only image ask for."""
    result = []
    context = pod["securityContext"]
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        result.append("a pod may run as root")
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        result.append("a pod without seccomp profile")
    if pod.get("automountServiceAccountToken") is not False:
        result.append("a pod gets a token of the Kubernetes API")
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        if container["securityContext"] != wanted:
            result.append(f"container {container['name']} may do too much")
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= RESTRICTED_VOLUMES:
            result.append(f"volume {volume['name']} is not allowed")
    return result


def copy_with(folder: Path, file, old, new):
    """A copy of the chart in which `old` in `file` became `new`."""
    target = folder / "radio-server"
    shutil.copytree(CHART, target)
    text = (target / file).read_text()
    assert old in text
    (target / file).write_text(text.replace(old, new))
    return target


def check_configuration(text, folder):
    """Lets the server read a configuration; the files that it names must be there."""
    if not SERVER.exists():
        pytest.skip("no bazel-bin/server/main/radio_server (bazel build -c opt //server/main:radio_server)")
    (folder / "server.textproto").write_text(text)
    command = [SERVER, f"--config={folder}/server.textproto", "--check_config"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "configuration: OK\n"), done.stderr
