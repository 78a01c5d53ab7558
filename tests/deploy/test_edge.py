"""The Envoy profile: valid, and doing what it is for."""

import re
import time

import config_proto
import pytest
import yaml

grpc = pytest.importorskip("grpc", reason="grpcio is not installed (PyPI)")
import chart  # noqa: E402
import edge  # noqa: E402

CONFIG = yaml.safe_load((edge.PROFILE / "envoy.yaml").read_text())
CLUSTER = CONFIG["static_resources"]["clusters"][0]
HTTP = CONFIG["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def test_envoy_accepts_the_profile_without_a_warning(tmp_path, proved):
    code, output = edge.validate(tmp_path, edge.localized(tmp_path))
    assert code == 0, output
    assert "[warning]" not in output and "eprecated" not in output, output
    proved("Envoy accepts the edge's profile")


@pytest.mark.parametrize(
    "old, new",
    [
        ("LEAST_REQUEST", "LEAST_REQUESTS"),
        ("stream_idle_timeout", "stream_idle_time"),
        ("cluster: servers", "cluster: server"),
    ],
)
@pytest.mark.planted("a fault of Envoy's profile")
def test_envoy_refuses_a_planted_fault(tmp_path, old, new):
    text = edge.localized(tmp_path)
    assert old in text
    code, output = edge.validate(tmp_path, text.replace(old, new))
    assert code != 0, output


def default_of(field):
    options = next(o for fields in config_proto.messages().values() for _, _, name, o in fields if name == field)
    return int(re.search(r"default = (\d+)", options).group(1))


def test_numbers_agree_with_the_servers_configuration():
    (host,) = HTTP["route_config"]["virtual_hosts"]
    assert host["request_body_buffer_limit"] == default_of("max_request_bytes")
    for route in host["routes"]:
        longest = route["route"]["max_stream_duration"]["grpc_timeout_header_max"]
        assert float(longest.removesuffix("s")) * 1000 == default_of("max_deadline_ms")
    options = CLUSTER["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
    ping = options["explicit_http_config"]["http2_protocol_options"]["connection_keepalive"]["interval"]
    assert float(ping.removesuffix("s")) * 1000 > default_of("min_client_ping_interval_ms")


def test_health_checks_ask_for_a_name_that_the_server_knows():
    (check,) = CLUSTER["health_checks"]
    assert check["grpc_health_check"]["service_name"] in chart.health_names()


@pytest.fixture
def slow_servers():
    """Three stand-ins, one four times as slow as the others."""
    servers = [edge.SlowServer(seconds) for seconds in (0.05, 0.05, 0.2)]
    yield servers
    for server in servers:
        server.stop()


def without_retries(config):
    listener = config["static_resources"]["listeners"][0]
    routes = listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]
    for route in routes:
        route["route"].pop("retry_policy", None)


@pytest.mark.parametrize("change, lost", [(lambda config: None, False), (without_retries, True)])
def test_callers_do_not_notice_a_server_that_goes(slow_servers, tmp_path, change, lost):
    envoy = edge.Envoy(tmp_path, [server.address for server in slow_servers], change)
    try:
        with envoy.channel() as channel:
            call = channel.unary_unary("/radio.v1.FeatureService/ListModels")
            callers = edge.Callers(6, lambda: call(b"", timeout=30))
            time.sleep(0.5)
            slow_servers[0].stop()
            time.sleep(1.5)
            callers.stop()
    finally:
        envoy.stop()
    assert bool(callers.repeated or callers.failures) == lost


@pytest.fixture
def one_server_behind_envoy(slow_servers, tmp_path):
    envoy = edge.Envoy(tmp_path, [slow_servers[0].address])
    yield envoy
    envoy.stop()


def test_the_edge_is_closed(one_server_behind_envoy):
    envoy = one_server_behind_envoy
    with envoy.channel() as channel:

        def code(method, **options):
            try:
                channel.unary_unary(method)(b"", timeout=10, **options)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        assert code("/radio.v1.FeatureService/ListModels") == grpc.StatusCode.OK
        assert code("/inference.GRPCInferenceService/ServerLive") == grpc.StatusCode.OK
        assert code("/grpc.health.v1.Health/Check") == grpc.StatusCode.OK
        for method in ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/other.Service/Call"):
            assert code(method) == grpc.StatusCode.UNIMPLEMENTED
        assert code("/radio.v1.FeatureService/ListModels", metadata=[("big", "x" * 7000)]) != grpc.StatusCode.OK
        assert code("/radio.v1.FeatureService/ListModels", metadata=[("under_score", "x")]) != grpc.StatusCode.OK
    port = int(envoy.metrics.split(":")[1])
    status, text = envoy.ask("/stats/prometheus", port)
    assert status == 200 and "envoy_cluster_upstream_rq_total" in text
    assert envoy.ask("/quitquitquit", port, "POST")[0] == 404
    assert envoy.ask("/config_dump", port)[0] == 404
    assert envoy.process.poll() is None


def test_binary_headers_end_at_the_edge(slow_servers, one_server_behind_envoy):
    with one_server_behind_envoy.channel() as channel:
        metadata = [("note-bin", b"x"), ("note", "x")]
        channel.unary_unary("/radio.v1.FeatureService/ListModels")(b"", timeout=10, metadata=metadata)
    assert slow_servers[0].metadata.get("note") == "x"
    assert "note-bin" not in slow_servers[0].metadata
