"""Several servers as one: unequal ones, and all of them restarted, behind Envoy and behind the client's own turns.

The servers are real but for their model, whose batches take as long as a test says (tests/load/stub_server.cc).
"""

import base64
import contextlib
import importlib
import io
import json
import subprocess
import sys
import time

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed (PyPI)")
Image = pytest.importorskip("PIL.Image", reason="pillow is not installed (PyPI)")
import edge  # noqa: E402
from grpc_tools import protoc  # noqa: E402
from metric_table import REPOSITORY  # noqa: E402

sys.path.append(str(REPOSITORY / "tests/load"))
import stub  # noqa: E402

pytestmark = pytest.mark.skipif(
    not (stub.SERVER.exists() and stub.RADIO.exists()),
    reason="no stub_server or radio (bazel build -c opt //tests/load:stub_server //client:radio)",
)
# One image a batch: what a server can do is one over what a batch takes.
SETTINGS = "max_batch_images: 1\npreprocess_threads: 1\ndrain_timeout_ms: 5000"
# Long against what a busy machine adds to a call.
BATCH_MS = (60, 60, 240)


@pytest.fixture
def closing():
    """Whatever a test starts ends with it."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def start(tmp_path_factory, closing):
    """start(batch_ms, more=""): a server whose batches take that long. more: further lines of its configuration."""

    def start_one(batch_ms, more=""):
        folder = tmp_path_factory.mktemp("stub")
        server = stub.Stub(folder, f"{SETTINGS}\n{more}", arguments=[f"--batch_time_ms={batch_ms}"])
        closing.callback(server.close)
        return server

    return start_one


def through(envoy, folder):
    """Options that send `radio` through Envoy."""
    return ["--server", envoy.address, "--tls", "--tls-ca", str(folder / "tls.crt")]


def answered(servers):
    return [stub.total(server.scrape(), "radio_images_total", outcome="ok") for server in servers]


def rate(callers, servers, seconds):
    """Images a second that servers answer under `radio bench`, by their own count, while it is well under way.

    Its own figure leaves out calls that were under way at either end: many, where a call waits for others.
    callers: [(options of `radio`, how many calls at once)], a process each.
    """
    bench = ["bench", "--sizes", "32x32", "--duration", seconds + 3, "--warmup", 0, "--json", "-"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = [
        subprocess.Popen([str(part) for part in [stub.RADIO, *options, *bench, "--concurrency", calls]], **pipes)
        for options, calls in callers
    ]
    time.sleep(2)
    before, begun = sum(answered(servers)), time.monotonic()
    time.sleep(seconds)
    images, period = sum(answered(servers)) - before, time.monotonic() - begun
    for process in processes:
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 0, output
    return images / period


def share_of_capacity(servers, folder, change=lambda config: None):
    """(images a second through Envoy, sum of what each server does when it has callers of its own)."""
    # Four callers keep a server busy; more would wait longer at the slow one than it lets anyone wait.
    alone = rate([(["--server", server.grpc], 4) for server in servers], servers, 4)
    envoy = edge.Envoy(folder, [server.grpc for server in servers], change)
    try:
        together = rate([(through(envoy, folder), 16)], servers, 8)
    finally:
        envoy.stop()
    print("alone", alone, "together", together)
    return together, alone


def test_unequal_servers_are_all_kept_busy(start, tmp_path, proved):
    together, alone = share_of_capacity([start(ms) for ms in BATCH_MS], tmp_path)
    assert together >= 0.9 * alone, (together, alone)
    proved(
        f"least request: 3 servers, one 4 x slower, give {together:.0f} of the {alone:.0f} images/s they give alone: "
        f"{together / alone:.0%}, at least 90% wanted"
    )


def round_robin(config):
    cluster = config["static_resources"]["clusters"][0]
    cluster["lb_policy"] = "ROUND_ROBIN"
    del cluster["least_request_lb_config"]


@pytest.mark.planted("turns instead of least request")
def test_taking_turns_would_not(start, tmp_path):
    together, alone = share_of_capacity([start(ms) for ms in BATCH_MS], tmp_path, round_robin)
    assert together < 0.75 * alone, (together, alone)


def weighted_by_report(config):
    """Envoy's policy for ORCA trailers; without them all weights are equal."""
    cluster = config["static_resources"]["clusters"][0]
    del cluster["lb_policy"], cluster["least_request_lb_config"]
    name = "client_side_weighted_round_robin"
    kind = f"type.googleapis.com/envoy.extensions.load_balancing_policies.{name}.v3.ClientSideWeightedRoundRobin"
    policy = {"@type": kind, "blackout_period": "1s", "weight_update_period": "0.5s"}
    named = {"name": f"envoy.load_balancing_policies.{name}", "typed_config": policy}
    cluster["load_balancing_policy"] = {"policies": [{"typed_extension_config": named}]}


@pytest.mark.parametrize("reports", [True, False])
def test_envoy_weighs_servers_by_their_reports(start, tmp_path, proved, reports):
    servers = [start(ms, f"report_load: {str(reports).lower()}") for ms in BATCH_MS]
    together, alone = share_of_capacity(servers, tmp_path, weighted_by_report)
    assert (together >= 0.75 * alone) == reports, (together, alone)
    if reports:
        proved(f"ORCA: Envoy weighs the same servers by the load that they report and gets {together / alone:.0%}")


def orca_report(folder):
    """The class of proto/xds/data/orca/v3/orca_load_report.proto."""
    name = "xds/data/orca/v3/orca_load_report.proto"
    assert protoc.main(["protoc", f"-I{REPOSITORY}/proto", f"--python_out={folder}", name]) == 0
    sys.path.insert(0, str(folder))
    return importlib.import_module("xds.data.orca.v3.orca_load_report_pb2").OrcaLoadReport


@pytest.mark.parametrize("reports", [True, False])
def test_answers_carry_a_report_and_nonsense_gets_none(start, tmp_path, tmp_path_factory, reports):
    """Read from Envoy's log: gRPC's clients keep this trailer to themselves."""

    def log_reports(config):
        kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
        name = "endpoint-load-metrics-bin"
        fields = {"code": "%GRPC_STATUS%", "answer": f"%TRAILER({name})%", "refusal": f"%RESP({name})%"}
        log = {"@type": kind, "path": str(tmp_path / "calls"), "log_format": {"json_format": fields}}
        http = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        http["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log}]

    server = start(20) if reports else start(20, "report_load: false")
    envoy = edge.Envoy(tmp_path, [server.grpc], log_reports)
    api = stub.Api(tmp_path_factory.mktemp("api"))
    nonsense = api.request(7)
    nonsense.model = "nonesuch"
    with envoy.channel() as channel:
        api.service(channel).Extract(api.request(7), timeout=30)
        with pytest.raises(grpc.RpcError):
            api.service(channel).Extract(nonsense, timeout=30)
    envoy.stop()  # Writes what is left.
    answer, refusal = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert (answer["code"], refusal["code"]) == ("OK", "NotFound")
    assert answer["refusal"] is refusal["answer"] is refusal["refusal"] is None
    assert (answer["answer"] is not None) == reports
    if reports:
        report = orca_report(tmp_path).FromString(base64.b64decode(answer["answer"] + "=="))
        assert 0.01 <= report.application_utilization <= 1
        assert set(report.utilization) == {"busy", "items", "bytes"}
        assert set(report.named_metrics) == {"queue_depth", "queue_oldest_age_seconds"}


def test_a_rolling_restart_behind_envoy_loses_nothing(start, closing, tmp_path, tmp_path_factory, proved):
    servers = [start(20) for _ in range(3)]
    envoy = edge.Envoy(tmp_path, [server.grpc for server in servers])
    closing.callback(envoy.stop)
    api = stub.Api(tmp_path_factory.mktemp("api"))
    service = api.service(closing.enter_context(envoy.channel()))
    request = api.request(7)
    callers = edge.Callers(16, lambda: service.Extract(request, timeout=30))
    closing.callback(callers.stop)
    codes = []
    for server in servers:
        codes.append(server.stop()[0])
        server.start()
        assert edge.wait_until(lambda: envoy.healthy() == 3, 60)
    callers.stop()
    assert not callers.failures, (
        f"{len(callers.failures)} of {callers.calls}, first {callers.failures[0].details()}; "
        + envoy.ask("/stats?filter=cluster.servers.upstream_rq_(retry|rx_reset|pending)")[1]
    )
    assert codes == [0, 0, 0] and callers.calls > 300
    proved(
        f"rolling restart: 3 servers behind Envoy restarted under 16 callers that repeat UNAVAILABLE once: "
        f"{callers.calls} calls, {callers.repeated} repeated, {len(callers.failures)} failed"
    )


def restart_in_turn(servers, running):
    """Restarts one server after the other for as long as `running()`; how many times."""
    times = 0
    while running():
        server = servers[times % len(servers)]
        server.stop()
        server.start()
        times += 1
        time.sleep(1)  # Clients find it again before the next one goes.
    return times


def addresses(servers):
    """What the name of a headless Service would resolve to."""
    return ["--server", "ipv4:" + ",".join(server.grpc for server in servers)]


def test_the_client_lets_equal_servers_take_turns(start, proved):
    servers = [start(10) for _ in range(3)]
    rate([(addresses(servers), 16)], servers, 3)
    counts = answered(servers)
    assert min(counts) >= 0.9 * max(counts) > 90, counts
    proved(
        f"headless: the C++ client spreads its calls over 3 addresses: {', '.join(f'{n:.0f}' for n in counts)} images"
    )


def test_the_client_notices_no_rolling_restart(start, tmp_path, proved):
    """A stream of `radio embed`, whose server goes under it again and again."""
    servers = [start(10) for _ in range(3)]
    folder = tmp_path / "images"
    folder.mkdir()
    photo = io.BytesIO()
    Image.new("RGB", (32, 32), (7, 7, 7)).save(photo, "PNG")
    for i in range(1500):
        (folder / f"{i:05}.png").write_bytes(photo.getvalue())
    command = [stub.RADIO, *addresses(servers), "embed", folder, "--out", tmp_path / "out"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    times = restart_in_turn(servers, lambda: process.poll() is None)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output[-2000:]
    rows = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    assert len(rows) == 1500 and all(row["status"] == "OK" for row in rows)
    assert times >= 3
    proved(f"headless: `radio embed` over 3 servers with {times} restarts under it: {len(rows)} images, 0 failed")
