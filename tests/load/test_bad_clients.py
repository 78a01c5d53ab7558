"""A small share of every attack of bad_clients.py on a stub server, which must serve on. The whole: suite.py."""

import threading
import time

import bad_clients
import hostile
import pytest
from stub import SERVER, Api, Stub, total

pytestmark = pytest.mark.skipif(not SERVER.exists(), reason="needs bazel build -c opt //tests/load:stub_server")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    return Api(tmp_path_factory.mktemp("stubs"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Stub(tmp_path_factory.mktemp("server"), hostile.SETTINGS)
    yield server
    server.close()


@pytest.mark.parametrize("name", bad_clients.ATTACKS)
def test_the_server_outlives(name, server, api):
    with api.channel(server.grpc) as channel:
        service = api.service(channel)
        assert hostile.answer_to(api, service) == "OK"
        files = server.files()
        with hostile.Peak(server) as peak:
            bad_clients.run(name, server.grpc, 0.5, 0.05, hostile.large_request(api))
        assert hostile.settles(server, files) is not None, f"{server.files()} descriptors open, {files} before"
        assert hostile.answer_to(api, service) == "OK"
        assert server.process.poll() is None
        assert peak.rise <= hostile.QUOTA_MIB + 64


def test_the_watch_on_memory_sees_growth():
    class Growing:
        size = 0

        def resident_mib(self):
            self.size += 100
            return self.size

    with hostile.Peak(Growing()) as peak:
        while not peak.rise:
            pass
    assert peak.rise >= 100


def test_slow_readers_do_keep_answers_in_the_server(server, api):
    attack = ("slow readers", server.grpc, 2, 0.2, hostile.large_request(api))
    thread = threading.Thread(target=bad_clients.run, args=attack)
    thread.start()
    held = 0
    while thread.is_alive():
        held = max(held, total(server.scrape(), "radio_inflight_items"))
        time.sleep(0.05)
    thread.join()
    assert held >= 4
