"""Both clients against the built server with a tiny model."""

import asyncio
import io
import json
import subprocess
import threading

import grpc
import numpy as np
import pytest
from fake_server import QUICK, encode
from PIL import Image
from radio_client import AsyncClient, ClassEmbeddings, Client, ImageError, RadioError, TlsOptions
from served import REPOSITORY, Server

RADIO = REPOSITORY / "bazel-bin/client/radio"
PHOTOS = REPOSITORY / "examples/images"
both = pytest.mark.parametrize("kind", ["blocking", "asyncio"])


def pixels(seed=0, height=64, width=96):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def png(array, mode=None):
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def radio(server, *arguments):
    done = subprocess.run([RADIO, "--server", server.grpc, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@both
def test_every_kind_of_input_gives_the_features_of_its_pixels(server, kind, tmp_path):
    array = pixels()
    file = tmp_path / "a.png"
    file.write_bytes(png(array))
    same = [
        str(file),
        file,
        file.read_bytes(),
        bytearray(file.read_bytes()),
        Image.open(file),
        array,
        np.asfortranarray(array),
        (array / np.float32(255)).transpose(2, 0, 1).astype(np.float32),
    ]
    results = encode(kind, server.grpc, same, features=True)
    assert [result.path for result in results] == [str(file)] * 2 + [None] * 6
    for result in results[:-1]:
        np.testing.assert_array_equal(result.summary(), results[0].summary())
        np.testing.assert_array_equal(result.features(), results[0].features())
    np.testing.assert_allclose(results[-1].summary(), results[0].summary(), atol=1e-4)
    # Negative control: other pixels, other features.
    [other] = encode(kind, server.grpc, pixels(1))
    assert np.abs(other.summary() - results[0].summary()).max() > 1e-3


def test_single_images_batches_folders_and_patterns(server, tmp_path):
    (tmp_path / "b").mkdir()
    names = ["a.png", "b/c.PNG", "b/d.png"]
    for seed, name in enumerate(names):
        (tmp_path / name).write_bytes(png(pixels(seed)))
    (tmp_path / "notes.txt").write_text("no image")
    with Client(server.grpc) as client:
        assert len(list(client.encode(pixels()))) == 1
        assert len(list(client.encode(np.stack([pixels(0), pixels(1)])))) == 2
        assert len(list(client.encode(png(pixels())))) == 1
        folder = [result.path for result in client.encode(tmp_path)]
        assert folder == [str(tmp_path / name) for name in names]
        assert [r.path for r in client.encode(f"{tmp_path}/b/*.png")] == [str(tmp_path / "b/d.png")]
        assert [r.path for r in client.encode([tmp_path / "b", tmp_path / "a.png"])] == folder[1:] + folder[:1]
        (tmp_path / "empty").mkdir()
        with pytest.raises(FileNotFoundError, match="empty: no images"):
            client.encode(tmp_path / "empty")
        with pytest.raises(TypeError, match="not builtins.dict"):
            list(client.encode([{}]))
        assert list(client.encode([])) == []


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_pil_images_of_other_modes_follow_the_servers_rules(server, mode):
    encoded = png(pixels(), mode)
    [a, b] = encode("blocking", server.grpc, [encoded, Image.open(io.BytesIO(encoded))])
    np.testing.assert_array_equal(a.summary(), b.summary())


def test_a_pil_image_is_turned_upright_as_its_file_is(server):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels()).save(file, "PNG", exif=exif)
    [a, b] = encode("blocking", server.grpc, [file.getvalue(), Image.open(file)])
    assert (a.geometry.source_height, a.geometry.source_width) == (96, 64)
    np.testing.assert_array_equal(a.summary(), b.summary())


@both
def test_bad_images_fail_alone_and_in_their_place(server, kind, tmp_path):
    good = pixels()
    images = [good, b"no image", tmp_path / "none.jpg", np.zeros((4, 4), np.uint8), good, np.zeros((3, 17, 16), "f4")]
    results = encode(kind, server.grpc, images, on_error="yield")
    assert [result.ok for result in results] == [True, False, False, False, True, False]
    assert [result.index for result in results] == list(range(6))
    reasons = [result.error.reason for result in results if result.error]
    assert reasons == ["IMAGE_UNDECODABLE", "", "", "RESOLUTION_UNSUPPORTED"]
    with pytest.raises(ImageError, match="IMAGE_UNDECODABLE"):
        encode(kind, server.grpc, images)


def test_outputs_types_and_layouts(server):
    with Client(server.grpc) as client:
        facts = client.model()
        dimensions = {adaptor.name: adaptor for adaptor in facts.adaptors}
        assert "clip" in dimensions

        def one(**options):
            [result] = client.encode(pixels(), features=True, **options)
            return result

        plain = one(outputs="backbone,clip")
        for name in ("backbone", "clip"):
            assert plain.summary(name).shape == (dimensions[name].summary_dim,)
            assert plain.features(name).shape == (4 * 6, dimensions[name].feature_dim)
        spatial, channels_first = one(layout="NHWC").features(), one(layout="NCHW").features()
        np.testing.assert_array_equal(spatial.reshape(24, -1), plain.features())
        np.testing.assert_array_equal(channels_first, spatial.transpose(2, 0, 1))
        half, brain = one(dtype="float16"), one(dtype="bfloat16")
        assert half.summary().dtype == np.float16 and brain.summary().dtype == np.float32
        scale = np.abs(plain.summary()).max()
        assert 0 < np.abs(half.summary() - plain.summary()).max() < scale * 2**-10
        assert scale * 2**-14 < np.abs(brain.summary() - plain.summary()).max() < scale * 2**-7
        assert np.linalg.norm(one(l2_normalize=True).summary()) == pytest.approx(1, abs=1e-5)
        with pytest.raises(RadioError, match="no summary of 'clip'; it has: backbone"):
            one().summary("clip")
        with pytest.raises(RadioError, match="ADAPTOR_NOT_FOUND") as caught:
            one(outputs=["nonesuch"])
        assert "clip" in caught.value.metadata["valid_names"]


@pytest.mark.parametrize(
    "resize, size",
    [
        (None, (32, 48)),
        ("nearest", (32, 48)),
        ("exact=64x32", (64, 32)),
        ((64, 32), (64, 32)),
        (64, (64, 96)),
        ("shortest=64", (64, 96)),
    ],
)
def test_resize_modes(server, resize, size):
    [result] = encode("blocking", server.grpc, pixels(height=33, width=47), resize=resize)
    assert (result.geometry.model_height, result.geometry.model_width) == size


def test_models_and_health(server):
    async def asynchronously():
        async with AsyncClient(server.grpc) as client:
            return await client.models(), await client.model("demo"), await client.health("readiness")

    models, model, health = asyncio.run(asynchronously())
    with Client(server.grpc) as client:
        assert client.models() == models == [model] == [client.model()]
        assert client.health() == client.health("demo") == health == "SERVING"
        with pytest.raises(RadioError) as caught:
            client.health("nonesuch")
        assert caught.value.code == grpc.StatusCode.NOT_FOUND
        with pytest.raises(RadioError, match="MODEL_NOT_FOUND"):
            client.model("nonesuch")
    assert model.random_weights


def test_the_pca_picture_is_the_one_that_the_command_draws(server, tmp_path):
    for name, options, flags in [
        ("cat.jpg", {}, []),
        ("rocket.jpg", {"pixels_per_token": 5, "resize": 160}, ["--pixels-per-token", "5", "--resize", "shortest=160"]),
    ]:
        radio(server, "pca", PHOTOS / name, "--out", tmp_path / "cli.png", *flags)
        drawn = np.asarray(Image.open(tmp_path / "cli.png")).astype(int)
        with Client(server.grpc) as client:
            picture = client.pca_image(PHOTOS / name, **options)
        assert picture.shape == drawn.shape and picture.dtype == np.uint8
        difference = np.abs(picture - drawn)
        # The two linear algebra libraries may round the last bit of a float differently.
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-3, (difference.max(), (difference > 0).mean())
        # Negative control: red and blue swapped is another picture.
        assert np.abs(picture[..., ::-1] - drawn).max() > 50


@both
def test_zero_shot_finds_the_classes_that_the_command_finds(server, kind, tmp_path):
    photos = sorted(PHOTOS.glob("*.jpg"))
    generator = np.random.default_rng(3)
    with Client(server.grpc) as client:
        channels = {adaptor.name: adaptor.summary_dim for adaptor in client.model().adaptors}["clip"]
        vectors = generator.normal(size=(7, channels)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        names = [f"class {i}" for i in range(7)]
        classes = tmp_path / "classes.npz"
        np.savez(classes, embeddings=vectors, names=np.array([n.encode() for n in names]), space=np.array(b"clip"))
        if kind == "blocking":
            results = list(client.zero_shot(photos, classes, top=3))
        else:

            async def run():
                async with AsyncClient(server.grpc) as asynchronous:
                    return [result async for result in asynchronous.zero_shot(photos, classes, top=3)]

            results = asyncio.run(run())
        lines = radio(server, "classify", *photos, "--classes", classes, "--top", "3", "--json").splitlines()
        assert len(results) == len(lines) == len(photos)
        for result, line in zip(results, map(json.loads, lines), strict=True):
            assert result.path == line["path"]
            assert [name for name, _ in result.scores] == [entry["name"] for entry in line["classes"]]
            for (_, cosine), entry in zip(result.scores, line["classes"], strict=True):
                assert cosine == pytest.approx(entry["cosine"], abs=2e-6)
        with pytest.raises(ValueError, match="in the space of clip"):
            client.zero_shot(photos, classes, adaptor="sam")
        with pytest.raises(ValueError, match="channels"):
            list(client.zero_shot(photos, ClassEmbeddings(["a"], vectors[:1, 1:])))
        [failed] = client.zero_shot(b"no image", classes, on_error="yield")
        assert not failed.ok and failed.scores == []


def test_a_class_embedding_file_may_be_a_plain_array(tmp_path):
    np.save(tmp_path / "classes.npy", np.eye(3, 4, dtype=np.float32) * 2)
    classes = ClassEmbeddings.read(tmp_path / "classes.npy")
    assert classes.names == ["0", "1", "2"] and classes.space == ""
    nearest = classes.nearest(np.array([0, 2, 1, 0], np.float32), 2)
    assert [name for name, _ in nearest] == ["1", "2"] and nearest[0][1] == pytest.approx(2 / 5**0.5)
    with pytest.raises(ValueError, match="zero or not finite"):
        ClassEmbeddings(["a"], np.zeros((1, 2), np.float32))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split()
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def secure(model, certificates, tmp_path):
    """Address of a server that wants a client's certificate and a token."""
    (tmp_path / "tokens").write_text("secret\n")
    certificate, key = certificates / "cert.pem", certificates / "key.pem"
    tls = f'tls {{ certificate_file: "{certificate}" private_key_file: "{key}" client_ca_file: "{certificate}" }}'
    server = Server(tmp_path, {"demo": model}, f'{tls}\nauth_token_file: "{tmp_path}/tokens"')
    # The certificate's name.
    yield "localhost:" + server.grpc.rsplit(":")[-1]
    assert server.stop() == 0


@both
def test_tls_client_certificate_and_token(secure, certificates, kind):
    certificate, key = str(certificates / "cert.pem"), str(certificates / "key.pem")
    tls = TlsOptions(ca_file=certificate, certificate_file=certificate, key_file=key)
    [result] = encode(kind, secure, pixels(), client={"tls": tls, "token": "secret"})
    assert result.ok
    with pytest.raises(RadioError, match="CREDENTIAL_INVALID"):
        encode(kind, secure, pixels(), client={"tls": tls, "token": "wrong"})
    with pytest.raises(RadioError, match="CREDENTIAL_MISSING"):
        encode(kind, secure, pixels(), client={"tls": tls})
    without_certificate = TlsOptions(ca_file=certificate)
    with pytest.raises(RadioError) as caught:
        encode(kind, secure, pixels(), client={"tls": without_certificate, "token": "secret"})
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    with pytest.raises(ValueError, match="tls.ca_file: cannot read"):
        Client(secure, tls=TlsOptions(ca_file="/nonexistent"))


def test_a_server_that_is_restarted_under_way_loses_repeats_and_changes_nothing(model, tmp_path):
    images = [pixels(seed, 32 + 16 * (seed % 3), 48) for seed in range(300)]
    first = Server(tmp_path, {"demo": model})
    wanted = [result.summary() for result in encode("blocking", first.grpc, images)]
    started = threading.Event()
    servers = [first]

    def restart():
        started.wait(60)
        assert servers[0].stop() == 0
        servers.append(Server(tmp_path, {"demo": model}, address=first.grpc))

    def source():
        for number, image in enumerate(images):
            if number == 100:
                started.set()
            yield image

    restarting = threading.Thread(target=restart)
    restarting.start()
    results = encode("blocking", first.grpc, source(), in_flight=16, client={"retry": QUICK})
    restarting.join(60)
    assert len(servers) == 2, "the server was not restarted"
    assert servers[1].stop() == 0
    assert [result.index for result in results] == list(range(300))
    for result, summary in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(result.summary(), summary)
