"""The server's page in a real Chromium, served by a server whose model is a stub."""

import http.client
import json
import re
import subprocess

import pytest
import stub
from browser import Browser, installed

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def serve(tmp_path):
    """serve(settings="") -> Stub"""
    if not stub.SERVER.exists() or not stub.RADIO.exists():
        pytest.skip("not built: bazel build -c opt //tests/load:stub_server //client:radio")
    started = []

    def call(settings=""):
        started.append(stub.Stub(tmp_path, settings))
        return started[-1]

    yield call
    for server in started:
        server.close()


@pytest.fixture
def browser():
    if not installed():
        pytest.skip("chromium is not installed (Debian package chromium)")
    with Browser() as started:
        yield started


def get(server, path):
    """(status, headers, body)."""
    connection = http.client.HTTPConnection(server.metrics_address, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def open_page(browser, server):
    browser.open(f"http://{server.metrics_address}/")
    browser.wait_for("document.documentElement.dataset.scrapes >= 2")


def text(browser, place):
    return browser.evaluate(f"document.getElementById({json.dumps(place)}).textContent")


def number(browser, place):
    """The number that a place of the page begins with; nan for none yet."""
    found = re.match(r"[\d,.]+", text(browser, place))
    return float(found[0].replace(",", "")) if found else float("nan")


def load(server, seconds):
    command = [stub.RADIO, "--server", server.grpc, "bench", "--sizes", "32x32,48x32", "--concurrency", "4"]
    return subprocess.Popen([*command, "--duration", str(seconds)], stdout=subprocess.DEVNULL)


def test_the_page_shows_the_models_and_their_facts(serve, browser):
    server = serve()
    open_page(browser, server)
    assert text(browser, "state") == "ready"
    facts = json.loads(get(server, "/models.json")[2])["models"]
    assert [fact["name"] for fact in facts] == ["m"]
    shown = browser.evaluate("document.getElementById('models').innerText")
    for key in ("name", "version", "architecture", "embedding_space"):
        assert facts[0][key] in shown, key
    for adaptor in facts[0]["adaptors"]:
        parts = [
            f"{part} {adaptor[f'{key}_dim']}"
            for part, key in (("summary", "summary"), ("features", "feature"))
            if f"{key}_dim" in adaptor
        ]
        assert parts and f"Output {adaptor['name']}\n{', '.join(parts)}" in shown
    assert text(browser, "model-0-ready") == "ready"


def test_throughput_rises_under_load_and_the_figures_are_those_of_metrics(serve, browser):
    server = serve()
    open_page(browser, server)
    assert number(browser, "images") == 0
    assert number(browser, "model-0-total") == 0
    running = load(server, 8)
    browser.wait_for("parseFloat(document.getElementById('images').textContent) > 5")
    assert running.wait(60) == 0
    # A full window after the end, while the page still remembers the load.
    series = server.scrape()
    answered = stub.total(series, "radio_images_total", outcome="ok")
    assert answered > 50
    browser.wait_for(f"document.getElementById('images-note').textContent === '{answered:,.0f} since the start'")
    assert number(browser, "model-0-total") == answered
    # The same arithmetic over the page's own two scrapes, here from their raw text.
    ends = browser.evaluate(
        "(() => { const ok = s => sum(s.families, 'radio_images_total', {outcome: 'ok'});"
        " const [a, b] = [scrapes[0], scrapes[scrapes.length - 1]];"
        " const shown = document.getElementById('images').textContent;"
        " return {seconds: b.seconds - a.seconds, images: ok(b) - ok(a), shown}; })()"
    )
    assert 1 < ends["seconds"] < 30
    assert abs(float(ends["shown"].replace(",", "")) - ends["images"] / ends["seconds"]) <= max(
        1, 0.01 * ends["images"] / ends["seconds"]
    )
    assert re.fullmatch(r"[\d.]+ (µs|ms|s)", text(browser, "latency")), text(browser, "latency")
    # The stub's batch takes 20 ms.
    mean = text(browser, "model-0-inference")
    assert mean.endswith(" ms") and 20 <= float(mean[:-3]) < 500, mean
    # Negative control: it falls again.
    browser.wait_for("document.getElementById('images').textContent === '0'")
    assert browser.complaints() == []


def test_quantiles_and_escapes_are_computed_as_prometheus_does(serve, browser):
    open_page(browser, serve())
    page = 'h_bucket{le="0.1"} 10\\nh_bucket{le="0.2"} 30\\nh_bucket{le="+Inf"} 40\\nh_count 40\\n'
    browser.evaluate(
        f"var before = {{seconds: 0, families: parse('')}}, after = {{seconds: 2, families: parse('{page}')}}"
    )
    for q, expected in ((0.25, 0.1), (0.5, 0.15), (0.75, 0.2), (0.99, 0.2)):
        assert browser.evaluate(f"quantile({q}, before, after, 'h', {{}})") == pytest.approx(expected)
    assert browser.evaluate("rate(before, after, 'h_count')") == 20
    assert browser.evaluate("Number.isNaN(quantile(0.5, after, after, 'h', {}))")
    line = r'String.raw`x{a="1,}\"b\\n\n",b="}"} 1e3`'
    parsed = browser.evaluate(f"parse({line}).get('x')[0]")
    assert parsed == {"labels": {"a": '1,}"b\\n\n', "b": "}"}, "value": 1000}


def test_nothing_that_a_model_says_becomes_html(serve, browser, tmp_path):
    server = serve()
    server.close()
    manifest = server.model / "manifest.textproto"
    escaped = HOSTILE.replace('"', '\\"')
    changed, count = re.subn(r"^(architecture|license): .*$", rf'\1: "{escaped}"', manifest.read_text(), flags=re.M)
    assert count >= 1
    manifest.write_text(changed)
    server.start()
    open_page(browser, server)
    assert HOSTILE in browser.evaluate("document.getElementById('models').innerText")
    assert browser.evaluate("document.querySelectorAll('#models img, #models script').length") == 0
    assert browser.evaluate("document.title") == "RADIO Serve"
    # As HTML it would have become elements. Even then the policy lets none of it run.
    insert = f"insertAdjacentHTML('beforeend', {json.dumps(HOSTILE)})"
    browser.evaluate(f"document.getElementById('models').{insert}")
    assert browser.evaluate("document.querySelectorAll('#models img, #models script').length") == 2
    browser.wait_for("document.documentElement.dataset.scrapes >= 4")
    assert browser.evaluate("document.title") == "RADIO Serve"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())
    # Negative control: a page without a policy is taken over.
    browser.open("about:blank")
    browser.evaluate(f"document.body.{insert}")
    browser.wait_for("document.title === 'owned'")


def test_the_page_asks_nobody_else_and_says_when_the_server_is_gone(serve, browser):
    server = serve()
    open_page(browser, server)
    home = f"http://{server.metrics_address}/"
    assert {url for url in browser.requests() if not url.startswith(("data:", "about:"))} == {
        home,
        home + "metrics",
        home + "models.json",
    }
    server.close()
    browser.wait_for("document.getElementById('state').textContent === 'no answer'")


def test_pages_forbid_what_they_do_not_need(serve):
    status, headers, body = get(serve(), "/")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert len(re.findall("'sha256-", policy)) == 2
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"(src|href)=\"(https?:)?//", body)


def test_off_by_configuration_there_is_no_page(serve):
    server = serve("status_page: false")
    for path in ("/", "/models.json"):
        assert get(server, path)[0] == 404
    assert get(server, "/metrics")[0] == 200
