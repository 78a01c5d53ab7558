"""What tools/install_client.sh installs: its headers stand alone, its library is whole."""

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
STRICT = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror"]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("install") / "first"
    command = [REPOSITORY / "tools/install_client.sh", "--prefix", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # It may be moved.
    return folder.rename(folder.with_name("moved"))


def flags(prefix, *options):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    command = ["pkg-config", *options, "radio_client"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


def compiles(source, *options):
    command = [*STRICT, "-fsyntax-only", "-x", "c++", source, *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_every_header_compiles_alone_without_a_warning(prefix, tmp_path):
    cflags = flags(prefix, "--cflags")
    headers = sorted((prefix / "include/radio_client/client").glob("*.h"))
    assert [h.name for h in headers] == sorted(
        f"{name}.h"
        for name in (
            "errors external_conditioner feature_client feature_stream image_features options spatial "
            "stream_options tensor_view"
        ).split()
    )
    # One translation unit per header: including each first.
    command = [*STRICT, "-fsyntax-only", "-x", "c++", *headers, *cflags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Negative control: a header that forgot an include.
    forgetful = tmp_path / "options.h"
    text = (prefix / "include/radio_client/client/options.h").read_text()
    forgetful.write_text(text.replace('#include "absl/time/time.h"\n', ""))
    assert compiles(forgetful, *cflags).returncode != 0


def test_the_library_holds_all_that_its_headers_declare(prefix, tmp_path):
    # Not the example's business: every class, and a shared library around it.
    source = tmp_path / "all.cc"
    source.write_text(
        '#include "client/errors.h"\n'
        '#include "client/external_conditioner.h"\n'
        '#include "client/feature_client.h"\n'
        '#include "client/spatial.h"\n'
        "using namespace radio::client;\n"
        "int All(const radio::v1::Model& model, const radio::v1::Tensor& tensor) {\n"
        "  const auto client = FeatureClient::Connect(ClientOptions());\n"
        "  const auto conditioner = ExternalConditioner::Of(model);\n"
        "  const auto view = TensorView::Of(tensor);\n"
        "  std::vector<float> nchw = view->ToFloat32();\n"
        "  return client.ok() + (*client)->Health().ok() + conditioner->Apply(absl::MakeSpan(nchw)).ok() +\n"
        "         ToNchw(*view, 1, 1).ok() + NearestSupportedResolution(model, 5, 5).height +\n"
        "         static_cast<int>(ReasonOf(client.status()).size() + PushbackOf(client.status()).has_value());\n"
        "}\n"
    )
    everything = flags(prefix, "--cflags", "--libs")
    command = [*STRICT, "-fPIC", "-shared", "-Wl,--no-undefined", source, "-o", tmp_path / "liball.so"]
    done = subprocess.run([*command, *everything], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Negative control: without the library something is missing.
    done = subprocess.run([*command, *(f for f in everything if f != "-lradio_client")], capture_output=True, text=True)
    assert "undefined reference" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--prefix"], ["--prefix", ""], ["--prefix="], ["somewhere"]])
def test_wrong_usage_installs_nothing(arguments):
    done = subprocess.run([REPOSITORY / "tools/install_client.sh", *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "usage: tools/install_client.sh --prefix DIR\n")
