"""Every block of the pages is run, in the page's order, as a reader would paste it.

What a test cannot have is stood in for by stand_ins.py: a registry and a cluster (kubernetes.md), weights from the hub
and text towers, and whatever would install something on the machine. All else is real: the exporter, the server, the
clients, Helm's rendering, Kubernetes' schemas.
"""

import json

import pytest
from page_script import read, run, workspace
from ports import free_port
from served import REPOSITORY

TASKS = ["docs/serve.md", "docs/embed.md", "docs/zero_shot.md", "docs/segmentation.md", "docs/kubernetes.md"]
TASKS.append("python/README.md")


@pytest.fixture
def checkout(tmp_path, checkpoint, monkeypatch):
    monkeypatch.setenv("STAND_IN_CHECKPOINT", str(checkpoint))
    monkeypatch.setenv("STAND_IN_SITE", str(tmp_path / "site"))
    # Ray's workers and the examples find the package there; python/README.md installs it itself.
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{REPOSITORY / 'python'}")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return workspace(tmp_path)


@pytest.fixture
def modelled(checkout, served):
    """The checkout with the served model in models/."""
    (checkout / "models").mkdir()
    (checkout / "models/c-radio_v3-b").symlink_to(served[1])
    return checkout


def passes(page, root, address, *words, replaced=(), **environment):
    code, output = run(read(page), root, address, replaced, **environment)
    assert code == 0, output[-4000:]
    for word in words:
        assert word in output, (word, output[-4000:])


def test_serve(checkout):
    port, metrics = free_port(), free_port()
    passes(
        "docs/serve.md",
        checkout,
        f"localhost:{port}",
        "models/c-radio_v3-b is whole",
        "configuration: OK",
        "SERVING",
        "radio_images_received_total",
        replaced=[("127.0.0.1:50051", f"127.0.0.1:{port}"), ("127.0.0.1:9464", f"127.0.0.1:{metrics}")],
    )
    assert (checkout / "out/cat.png").exists()


def test_embed(modelled, served):
    passes("docs/embed.md", modelled, served[0].grpc, "4 images in out", "4 rows in")
    assert (modelled / "out/dense/clip-features-00000.npy").exists()
    assert (modelled / "out/parts/part-00000-of-00004/manifest.jsonl").exists()


def test_zero_shot(modelled, served):
    passes("docs/zero_shot.md", modelled, served[0].grpc, "astronaut.jpg: ", '"cosine"')


def test_segmentation(modelled, served):
    passes("docs/segmentation.md", modelled, served[0].grpc, "mean IoU on 4 unseen scenes", "seen as")


def test_kubernetes(modelled, served):
    passes("docs/kubernetes.md", modelled, served[0].grpc, "SERVING", "c-radio_v3-b")


def test_python(modelled, served, tmp_path):
    passes("python/README.md", modelled, served[0].grpc, "cat.jpg")
    assert (tmp_path / "site/radio_client/proto/feature_service_pb2.py").exists()


def test_readme(checkout, checkpoint, served):
    (checkout / "photos").symlink_to("examples/images")
    (checkout / "photo.jpg").symlink_to("examples/images/cat.jpg")
    (checkout / "c-radio_v3-b_half.pth.tar").symlink_to(checkpoint)
    config = read("config/dev_cpu.textproto")
    (checkout / "any_port.textproto").write_text(config.replace(":50051", ":0").replace(":9464", ":0"))
    serve = "bazel-bin/server/main/radio_server --config="
    wait = "until grep -q listening serving; do kill -0 $!; sleep 0.1; done; kill $!; wait $!"
    passes(
        "README.md",
        checkout,
        served[0].grpc,
        "Done: the pictures are in out/.",
        "photos/cat.jpg [",
        "4 images in features",
        "configuration: OK",
        replaced=[(f"{serve}config/dev_cpu.textproto", f"{serve}any_port.textproto >serving & {wait}")],
    )
    for picture in ("out/cat.png", "sizes.png", "heat.png"):
        assert (checkout / picture).exists(), picture


def test_exporting(checkout, served):
    passes("docs/exporting.md", checkout, served[0].grpc, "models/c-radio_v3-b is whole")
    assert not (checkout / "models/c-radio_v3-b/adaptor_dino_v2.pt").exists()


def test_runbook(checkout, served):
    path = f"{REPOSITORY}/bazel-bin/client:/usr/bin:/bin"
    server = served[0]
    words = "SERVING", "c-radio_v3-b", "radio_model_ready"
    passes("docs/runbook.md", checkout, server.grpc, *words, PATH=path, SERVER=server.grpc, METRICS=server.metrics)


def test_chart(checkout, served):
    image = "registry.example/radio-server"
    state = {"objects": {"namespace/radio": {}}, "releases": {}, "images": [f"{image}:0.1.0"]}
    (checkout / "state").write_text(json.dumps(state))
    models = "[{name: radio, path: radio}]"
    (checkout / "my-values.yaml").write_text(f"image: {{repository: {image}, tag: 0.1.0}}\nmodels: {models}\n")
    passes("deploy/helm/radio-server/README.md", checkout, served[0].grpc)
    assert json.loads((checkout / "state").read_text())["releases"] == {"features": 1}


def test_contributing(checkout, served):
    passes("CONTRIBUTING.md", checkout, served[0].grpc)


@pytest.mark.parametrize("page", TASKS)
def test_the_first_page_leads_to_every_task(page):
    assert f"]({page})" in read("README.md")


def test_a_page_with_a_wrong_command_is_found(modelled, served):
    text = read("docs/zero_shot.md").replace("--top 2", "--tap 2")
    code, output = run(text, modelled, served[0].grpc)
    assert code != 0 and "--tap" in output
    text = read("docs/kubernetes.md").replace("deployment/features-radio-server", "deployment/features")
    code, output = run(text, modelled, served[0].grpc)
    assert code != 0 and "no deployment/features" in output
    code, output = run(read("CONTRIBUTING.md").replace("lint", "lynt"), modelled, served[0].grpc)
    assert code != 0
