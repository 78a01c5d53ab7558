"""The examples as programs, against the built server."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from served import REPOSITORY, Server

PHOTOS = REPOSITORY / "examples/images"


def example(name, *arguments, **environment):
    """Standard output of examples/NAME.py."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / "examples" / f"{name}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_search_finds_an_image_itself_first_and_then_its_like(server, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for photo in PHOTOS.glob("*.jpg"):
        image = Image.open(photo).resize((128, 96))
        image.save(photos / photo.name)
        image.point(lambda value: min(255, value + 12)).save(photos / f"brighter-{photo.name}")
    (photos / "broken.jpg").write_bytes(b"no image")
    index = tmp_path / "index"
    built = example("search", "index", photos, "--index", index, "--server", server.grpc)
    assert "8 images in" in built and "left out" in built and "broken.jpg" in built
    for photo in PHOTOS.glob("*.jpg"):
        found = example(
            "search", "query", photos / photo.name, "--index", index, "--server", server.grpc, "--top", 2
        ).splitlines()
        assert found[0].endswith(f"/{photo.name}") and float(found[0].split()[0]) > 0.9999
        assert found[1].endswith(f"/brighter-{photo.name}")


def test_zero_shot_names_the_class_made_of_an_images_own_summary(server, tmp_path):
    from radio_client import Client

    photos = sorted(PHOTOS.glob("*.jpg"))
    with Client(server.grpc) as client:
        vectors = np.stack([image.summary("clip") for image in client.encode(photos, outputs=["clip"])])
    vectors -= vectors.mean(0)
    names = np.array([photo.stem.encode() for photo in photos])
    classes = tmp_path / "classes.npz"
    np.savez(classes, embeddings=vectors, names=names, space=np.array(b"clip"))
    lines = example("zero_shot", PHOTOS, "--classes", classes, "--server", server.grpc, "--top", 1).splitlines()
    assert [re.search(r"(\w+)\.jpg: (\w+) ", line).groups() for line in lines] == [(p.stem, p.stem) for p in photos]


def test_pca_draws_a_picture_of_the_images_size(server, tmp_path):
    example("pca", PHOTOS / "cat.jpg", "--out", tmp_path / "cat.png", "--server", server.grpc)
    picture = Image.open(tmp_path / "cat.png")
    assert picture.size == Image.open(PHOTOS / "cat.jpg").size
    assert len(np.unique(np.asarray(picture))) > 100


def test_a_linear_head_on_dense_features_segments_unseen_scenes(server):
    words = example("segmentation_head", "--server", server.grpc, OMP_NUM_THREADS="1")
    found, trivial = (float(line.rsplit(" ", 1)[1]) for line in words.splitlines())
    assert found > 2 * trivial and found > 0.6, words


def test_a_ray_job_over_two_servers_gives_the_vectors_of_the_client(server, model, tmp_path):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    from radio_client import Client

    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(40):
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{seed:02}.png")
    (photos / "broken.jpg").write_bytes(b"no image")
    second = Server(tmp_path, {"demo": model})
    servers = ["--server", server.grpc, "--server", second.grpc]
    out = tmp_path / "embeddings"
    words = example("ray_embed", photos, "--out", out, *servers, RAY_USAGE_STATS_ENABLED="0")
    assert "41 rows in" in words
    rows = {row["path"].rsplit("/", 1)[1]: row for row in pyarrow.read_table(out).to_pylist()}
    assert "IMAGE_UNDECODABLE" in rows.pop("broken.jpg")["error"]
    with Client(second.grpc) as client:
        for image in client.encode(f"{photos}/*.png"):
            row = rows.pop(image.path.rsplit("/", 1)[1])
            assert row["error"] == ""
            np.testing.assert_array_equal(np.array(row["summary"], np.float32).ravel(), image.summary())
    assert rows == {} and second.stop() == 0
