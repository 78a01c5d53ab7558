"""Every command of the task pages is run, in the page's order, as a reader would paste it.

What a test cannot have is stood in for by stand_ins.py: a registry and a cluster (kubernetes.md), weights from the hub
and text towers, and whatever would install something on the machine. All else is real: the exporter, the server, the
clients, Helm's rendering, Kubernetes' schemas.
"""

import page_script
import pytest
from page_script import free_port, read, run, script, unexecuted, workspace
from served import REPOSITORY

PAGES = ["docs/serve.md", "docs/embed.md", "docs/zero_shot.md", "docs/segmentation.md", "docs/kubernetes.md"]
PAGES.append("python/README.md")


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


def passes(page, root, address, *words, replaced=()):
    code, output = run(read(page), root, address, replaced)
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


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_in_a_block_that_is_not_run(page):
    assert unexecuted(read(page)) == []
    assert len(script(read(page)).splitlines()) > 3


@pytest.mark.parametrize("page", PAGES)
def test_the_first_page_leads_to_every_task(page):
    assert f"]({page})" in read("README.md")


def test_a_page_with_a_wrong_command_is_found(modelled, served):
    text = read("docs/zero_shot.md").replace("--top 2", "--tap 2")
    code, output = run(text, modelled, served[0].grpc)
    assert code != 0 and "--tap" in output
    text = read("docs/kubernetes.md").replace("deployment/features-radio-server", "deployment/features")
    code, output = run(text, modelled, served[0].grpc)
    assert code != 0 and "no deployment/features" in output
    assert page_script.unexecuted("```text\nradio pca x\n```\n") == ["radio "]
