"""Stock clients of the Open Inference Protocol against the built server, which answers radio.v1's callers the same."""

import base64
import contextlib
import csv
import importlib.util
import io
import json
import os
import queue
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from grpc_tools import protoc
from PIL import Image
from served import REPOSITORY, array_of, connect, export_demo, image_of
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

MODEL = "radio"
PERF_ANALYZER = REPOSITORY / ".venv/perf_analyzer/bin/perf_analyzer"
DOCS = (REPOSITORY / "docs/open_inference.md").read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A small model in float32 with adaptors."""
    return export_demo(tmp_path_factory.mktemp("demo") / MODEL, seed=1)


@pytest.fixture
def server(start, demo):
    return start({MODEL: demo})


@pytest.fixture
def client(server):
    with triton.InferenceServerClient(server.grpc) as client:
        yield client


def pictures(*sizes):
    generator = np.random.default_rng(11)
    return [generator.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in sizes]


def planar(pixels):
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def input_of(array, name="image"):
    datatype = {"uint8": "UINT8", "float32": "FP32", "float16": "FP16", "object": "BYTES", "int32": "INT32"}
    tensor = triton.InferInput(name, list(array.shape), datatype[str(array.dtype)])
    tensor.set_data_from_numpy(array)
    return [tensor]


def pixels_of(*images):
    return input_of(np.stack([planar(image) for image in images]))


def files_of(*images):
    return input_of(np.array([png(image) for image in images], dtype=object), "encoded")


def asked(*names):
    return [triton.InferRequestedOutput(name) for name in names]


def truth(api, server, image, adaptors):
    """What radio.v1 answers: {output name: array}."""
    request = api.ExtractRequest(model=MODEL, images=[image_of(api, image)])
    for adaptor in adaptors:
        request.outputs.add(adaptor=adaptor.name, summary=adaptor.summary_dim > 0, features=adaptor.feature_dim > 0)
    result = connect(api, server).Extract(request, timeout=60).results[0]
    assert result.status.code == 0, result.status.message
    answers = {}
    for output in result.outputs:
        prefix = "" if output.adaptor == "backbone" else f"{output.adaptor}_"
        for kind in ("summary", "features"):
            if output.HasField(kind):
                answers[prefix + kind] = array_of(getattr(output, kind))
    return answers


def adaptors_of(api, server):
    return connect(api, server).GetModel(api.GetModelRequest(), timeout=60).model.adaptors


def expect_truth(result, wanted, index=0):
    for name, array in wanted.items():
        np.testing.assert_array_equal(result.as_numpy(name)[index], array, err_msg=name)


def test_names_and_numbers_are_those_of_triton(tmp_path):
    def fields(message):
        yield from ((message.full_name, field.name, field.number, field.type) for field in message.fields)
        for nested in message.nested_types:
            yield from fields(nested)

    theirs = set()
    for module in (service_pb2, model_config_pb2):
        for message in module.DESCRIPTOR.message_types_by_name.values():
            theirs.update(fields(message))
    from google.protobuf import descriptor_pb2, descriptor_pool

    target = tmp_path / "descriptors"
    arguments = [f"-I{REPOSITORY / 'proto'}", "--include_imports", f"--descriptor_set_out={target}"]
    assert protoc.main(["protoc", *arguments, "inference/grpc_inference_service.proto"]) == 0
    pool = descriptor_pool.DescriptorPool()
    ours = set()
    methods = set()
    for file in descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file:
        pool.Add(file)
        described = pool.FindFileByName(file.name)
        for message in described.message_types_by_name.values():
            ours.update(fields(message))
        for service in described.services_by_name.values():
            methods.update((method.full_name, method.input_type.full_name) for method in service.methods)
    foreign = {field for field in ours - theirs if "properties" not in str(field).lower()}  # OIP's, not Triton's.
    assert len(ours) > 100 and not foreign
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert methods <= {(method.full_name, method.input_type.full_name) for method in service.methods}


def test_states_and_facts(client, api, server):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1") and not client.is_model_ready("nonesuch")
    assert "statistics" in client.get_server_metadata().extensions
    metadata = client.get_model_metadata(MODEL)
    assert [(i.name, i.datatype, list(i.shape)) for i in metadata.inputs] == [
        ("image", "UINT8", [-1, 3, -1, -1]),
        ("encoded", "BYTES", [-1, 1]),
    ]
    outputs = {output.name: list(output.shape) for output in metadata.outputs}
    for adaptor in adaptors_of(api, server):
        prefix = "" if adaptor.name == "backbone" else f"{adaptor.name}_"
        if adaptor.summary_dim:
            assert outputs.pop(f"{prefix}summary") == [-1, adaptor.summary_dim]
        assert outputs.pop(f"{prefix}features") == [-1, -1, adaptor.feature_dim]
    assert not outputs
    config = client.get_model_config(MODEL).config
    assert config.name == MODEL and config.max_batch_size == 256 and config.HasField("dynamic_batching")
    assert [o.name for o in config.output] == [o.name for o in metadata.outputs]
    index = client.get_model_repository_index().models
    assert [(m.name, m.version, m.state) for m in index] == [(MODEL, "1", "READY")]


def test_answers_are_those_of_radio_v1(client, api, server):
    adaptors = adaptors_of(api, server)
    first, second = pictures((96, 160), (96, 160))
    wanted = [truth(api, server, image, adaptors) for image in (first, second)]
    result = client.infer(MODEL, pixels_of(first, second), request_id="pair")
    assert result.get_response().id == "pair" and result.get_response().model_version == "1"
    assert [o.name for o in result.get_response().outputs] == list(wanted[0])
    for index in range(2):
        expect_truth(result, wanted[index], index)
    # Negative control: the comparison tells the two images apart.
    with pytest.raises(AssertionError):
        expect_truth(result, wanted[0], 1)
    expect_truth(client.infer(MODEL, files_of(first, second)), wanted[1], 1)
    parameters = result.get_response().parameters
    assert (parameters["grid_height"].int64_param, parameters["grid_width"].int64_param) == (6, 10)

    floats = planar(first)[None] / np.float32(255)
    for array, tolerance in ((floats.astype(np.float32), 1e-4), (floats.astype(np.float16), 1e-2)):
        got = client.infer(MODEL, input_of(array)).as_numpy("features")[0]
        features = wanted[0]["features"]
        assert np.abs(got - features).max() < tolerance * features.std() * 10


def test_outputs_keep_the_requests_order_and_options(client):
    (image,) = pictures((64, 96))
    plain = client.infer(MODEL, pixels_of(image), outputs=asked("features", "summary"))
    assert [o.name for o in plain.get_response().outputs] == ["features", "summary"]
    options = {"layout": "NCHW", "datatype": "FP16", "l2_normalize": True}
    other = client.infer(MODEL, pixels_of(image), outputs=asked("features"), parameters=options).as_numpy("features")
    assert other.dtype == np.float16 and other.shape[2:] == (4, 6)
    tokens = plain.as_numpy("features")[0]
    normalized = tokens / np.linalg.norm(tokens, axis=1, keepdims=True)
    assert np.abs(other[0].reshape(len(other[0]), -1).T - normalized).max() < 1e-3


def test_images_are_resized_on_request(client):
    (image,) = pictures((75, 131))
    with pytest.raises(InferenceServerException, match="nearest supported size is 80 x 128"):
        client.infer(MODEL, files_of(image))
    sizes = {"nearest": (5, 8), "exact=32x48": (2, 3), "shortest=64": (4, 7)}
    for inputs in (files_of(image), pixels_of(image)):
        for resize, grid in sizes.items():
            answer = client.infer(MODEL, inputs, outputs=asked("features"), parameters={"resize": resize})
            parameters = answer.get_response().parameters
            assert (parameters["grid_height"].int64_param, parameters["grid_width"].int64_param) == grid
            assert answer.as_numpy("features").shape[1] == grid[0] * grid[1]


def test_files_of_several_sizes(client):
    images = pictures((64, 96), (96, 64))
    alone = [client.infer(MODEL, files_of(image), outputs=asked("summary")).as_numpy("summary")[0] for image in images]
    together = client.infer(MODEL, files_of(*images), outputs=asked("summary")).as_numpy("summary")
    np.testing.assert_array_equal(together, np.stack(alone))
    wide, tall = pictures((64, 96), (96, 96))
    with pytest.raises(InferenceServerException, match=r"images of one size to form the tensor features") as error:
        client.infer(MODEL, files_of(wide, tall), outputs=asked("features"))
    assert error.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_typed_contents_through_plain_stubs(server, client):
    import grpc

    (image,) = pictures((32, 48))
    request = service_pb2.ModelInferRequest(model_name=MODEL)
    tensor = request.inputs.add(name="image", datatype="UINT8", shape=[1, 3, 32, 48])
    tensor.contents.uint_contents.extend(planar(image).ravel().tolist())
    request.outputs.add(name="summary")
    with grpc.insecure_channel(server.grpc) as channel:
        answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=60)
    expected = client.infer(MODEL, pixels_of(image), outputs=asked("summary")).as_numpy("summary")
    np.testing.assert_array_equal(np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(expected.shape), expected)


def test_async_calls_and_streams(client):
    images = pictures(*[(32 + 16 * (k % 3), 64) for k in range(12)])
    wanted = [client.infer(MODEL, pixels_of(image), outputs=asked("summary")).as_numpy("summary") for image in images]
    answers = queue.Queue()

    def take():
        result, error = answers.get(timeout=60)
        assert error is None, error
        return int(result.get_response().id), result.as_numpy("summary")

    def keep(result, error):
        answers.put((result, error))

    for k, image in enumerate(images):
        client.async_infer(MODEL, pixels_of(image), keep, request_id=str(k), outputs=asked("summary"))
    by_id = dict(take() for _ in images)
    client.start_stream(callback=keep)
    for k, image in enumerate(images):
        client.async_stream_infer(MODEL, pixels_of(image), request_id=str(100 + k), outputs=asked("summary"))
    by_id |= dict(take() for _ in images)
    for k in range(len(images)):
        np.testing.assert_array_equal(by_id[k], wanted[k])
        np.testing.assert_array_equal(by_id[100 + k], wanted[k])
    # A failed request is an error for its callback, and the stream goes on.
    client.async_stream_infer(MODEL, input_of(np.array([b"no picture"], dtype=object), "encoded"))
    _, error = answers.get(timeout=60)
    assert "IMAGE_UNDECODABLE" in str(error)
    client.async_stream_infer(MODEL, pixels_of(images[0]), request_id="7", outputs=asked("summary"))
    assert take()[0] == 7
    client.stop_stream()


def test_statistics_count_what_was_asked(client):
    (image,) = pictures((32, 48))
    for _ in range(3):
        client.infer(MODEL, pixels_of(image, image), outputs=asked("summary"))
    with pytest.raises(InferenceServerException):
        client.infer(MODEL, input_of(np.array([b"no picture"], dtype=object), "encoded"))
    (stats,) = client.get_inference_statistics(MODEL).model_stats
    assert stats.name == MODEL and stats.version == "1"
    assert stats.inference_count == 6 and stats.inference_stats.fail.count == 1
    assert stats.inference_stats.compute_infer.ns > 0 and stats.last_inference > 1.6e12
    assert sum(b.batch_size * b.compute_infer.count for b in stats.batch_stats) == 6
    assert sum(b.compute_infer.count for b in stats.batch_stats) == stats.execution_count


def test_errors_have_codes_and_say_what_is_wrong(client):
    (image,) = pictures((32, 48))
    good = pixels_of(image)

    def expect(code, text, **arguments):
        with pytest.raises(InferenceServerException, match=text) as error:
            client.infer(**{"model_name": MODEL, "inputs": good, **arguments})
        assert error.value.status() == f"StatusCode.{code}"

    expect("NOT_FOUND", "nonesuch", model_name="nonesuch")
    expect("NOT_FOUND", "version", model_version="2")
    expect("INVALID_ARGUMENT", "must be one of summary,features", outputs=asked("logits"))
    expect("INVALID_ARGUMENT", "INT32", inputs=input_of(planar(image)[None].astype(np.int32)))
    expect("INVALID_ARGUMENT", "image or encoded", inputs=input_of(planar(image)[None], "pixels"))
    expect("INVALID_ARGUMENT", "resize", parameters={"resize": "bigger"})
    expect("DEADLINE_EXCEEDED", "deadline", timeout=1)
    for call in (client.get_system_shared_memory_status, client.get_cuda_shared_memory_status, client.get_log_settings):
        with pytest.raises(InferenceServerException, match="no method") as error:
            call()
        assert error.value.status() == "StatusCode.UNIMPLEMENTED"
    with pytest.raises(InferenceServerException, match="the server's configuration"):
        client.load_model(MODEL)


def test_the_example_of_the_documentation_runs(server):
    code = re.search(r"```python\n(.*?)```", DOCS, re.S).group(1)
    names = {}
    with contextlib.chdir(REPOSITORY):
        exec(code.replace("localhost:50051", server.grpc), names)
    height, width = names["grid"]
    assert names["summary"].ndim == 2 and names["features"].shape[1] == height * width > 0


def libraries_of_perf_analyzer():
    """A folder with libcudart.so.12, or nothing."""
    nvidia = importlib.util.find_spec("nvidia")
    folders = [Path(root) / "cuda_runtime/lib" for root in (nvidia.submodule_search_locations if nvidia else [])]
    return next((folder for folder in folders if (folder / "libcudart.so.12").exists()), None)


def why_no_perf_analyzer():
    """Why it cannot run here, or nothing."""
    if not PERF_ANALYZER.exists():
        return f"no {PERF_ANALYZER}"
    if not (libraries := libraries_of_perf_analyzer()):
        return "no libcudart.so.12"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
    done = subprocess.run([str(PERF_ANALYZER), "--version"], env=environment, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else None


def perf_entry(image, encoded):
    if encoded:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG")
        element = struct.pack("<I", buffer.tell()) + buffer.getvalue()
        return {"encoded": {"content": {"b64": base64.b64encode(element).decode()}, "shape": [1]}}
    content = base64.b64encode(planar(image).tobytes()).decode()
    return {"image": {"content": {"b64": content}, "shape": [3, *image.shape[:2]]}}


@pytest.mark.parametrize("encoded, flags", [(False, []), (True, []), (False, ["-a"]), (False, ["--streaming"])])
def test_perf_analyzer_sweeps_over_mixed_sizes(client, server, tmp_path, encoded, flags):
    if why := why_no_perf_analyzer():
        pytest.skip(f"perf_analyzer cannot run: {why}")
    images = pictures((64, 64), (96, 160), (128, 64))
    (tmp_path / "images.json").write_text(json.dumps({"data": [perf_entry(image, encoded) for image in images]}))
    command = re.search(r"^perf_analyzer .*$", DOCS, re.M).group(0).replace("localhost:50051", server.grpc).split()
    # A busy machine never gives the three like windows that it waits for by default.
    short = ["--measurement-mode", "count_windows", "--measurement-request-count", "20", "-s", "999"]
    done = subprocess.run(
        [str(PERF_ANALYZER), *command[1:], *short, "-f", "report.csv", *flags],
        env={**os.environ, "LD_LIBRARY_PATH": str(libraries_of_perf_analyzer())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    with open(tmp_path / "report.csv") as report:
        rows = list(csv.DictReader(report))
    assert sorted(int(row["Concurrency"]) for row in rows) == [1, 2, 3, 4]
    # The figures of the server are those of ModelStatistics.
    assert all(float(row["Inferences/Second"]) > 0 and float(row["Server Compute Infer"]) > 0 for row in rows)
    (stats,) = client.get_inference_statistics(MODEL).model_stats
    assert stats.inference_count > 4 * 20 and stats.inference_stats.fail.count == 0
