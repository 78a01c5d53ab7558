"""A radio.v1 server in Python whose faults a test chooses, and the two clients behind one function."""

import asyncio
import threading
from concurrent import futures

import grpc
import numpy as np
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2
from radio_client import AsyncClient, Client, RetryOptions
from radio_client.proto import feature_service_pb2 as pb
from radio_client.proto import feature_service_pb2_grpc

# Patient enough for any test, and quick.
QUICK = RetryOptions(initial_backoff=0.01, max_backoff=0.05, patience=20)


class FakeServer(feature_service_pb2_grpc.FeatureServiceServicer):
    """behaviour(call, requests, context) yields responses; `call` counts the streams from 0."""

    def __init__(self, behaviour, port=0):
        self.behaviour = behaviour
        self.lock = threading.Lock()
        self.calls = 0
        self.received = []  # Bytes of every image, in the order received.
        self.deadlines = []  # Seconds that each call had left.
        self.metadata = []
        self.cancelled = threading.Event()
        self.server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        feature_service_pb2_grpc.add_FeatureServiceServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port(f'127.0.0.1:{port}')}"
        self.server.start()

    def stop(self, grace=None):
        self.server.stop(grace).wait(10)

    def _begin(self, context):
        with self.lock:
            self.deadlines.append(context.time_remaining())
            self.metadata.append(dict(context.invocation_metadata()))
            self.calls += 1
            return self.calls - 1

    def ExtractStream(self, requests, context):
        call = self._begin(context)
        context.add_callback(lambda: None if context.code() else self.cancelled.set())

        def recorded():
            for request in requests:
                with self.lock:
                    self.received.append(request.image.encoded)
                yield request

        yield from self.behaviour(call, recorded(), context)

    def ListModels(self, request, context):
        call = self._begin(context)
        for _ in self.behaviour(call, iter(()), context):
            pass
        return pb.ListModelsResponse(models=[pb.Model(name="fake")])


def answer(request):
    """The answer to an image whose bytes are a number: a summary that holds it."""
    value = np.array([float(request.image.encoded)], "<f4")
    tensor = pb.Tensor(data_type=pb.DATA_TYPE_FLOAT32, shape=[1], data=value.tobytes())
    result = pb.ImageResult(outputs=[pb.Output(adaptor="backbone", summary=tensor)])
    return pb.ExtractStreamResponse(id=request.id, result=result)


def failure(request, code, reason, pushback=None):
    status = make_status(code, reason, pushback)
    return pb.ExtractStreamResponse(id=request.id, result=pb.ImageResult(status=status))


def make_status(code, reason, pushback=None):
    status = status_pb2.Status(code=code.value[0], message=f"fake {reason}")
    status.details.add().Pack(error_details_pb2.ErrorInfo(domain="radio.v1", reason=reason))
    if pushback is not None:
        delay = duration_pb2.Duration(nanos=int(pushback * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def end(context, code, reason, pushback_ms=None):
    """Ends the call with an error of the service."""
    trailers = [("grpc-status-details-bin", make_status(code, reason).SerializeToString())]
    if pushback_ms is not None:
        trailers.append(("grpc-retry-pushback-ms", str(pushback_ms)))
    context.set_trailing_metadata(trailers)
    context.abort(code, f"fake {reason}")


def numbers(count):
    """Images whose bytes are their numbers."""
    return (str(i).encode() for i in range(count))


def encode(kind, target, images, client=None, **options):
    """[ImageFeatures] by the blocking client ("blocking") or the asyncio one ("asyncio")."""
    settings = {"retry": QUICK, **(client or {})}
    if kind == "blocking":
        with Client(target, **settings) as blocking:
            return list(blocking.encode(images, **options))

    async def run():
        async with AsyncClient(target, **settings) as client:
            return [result async for result in client.encode(images, **options)]

    return asyncio.run(run())


def values(results):
    return [int(result.summary()[0]) for result in results]
