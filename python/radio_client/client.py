"""The blocking client."""

import contextlib
import queue
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray

from radio_client import pca
from radio_client.encoding import Encoding, OnError, load
from radio_client.errors import from_call
from radio_client.image_features import ImageFeatures
from radio_client.images import ImageInput, Images, expand
from radio_client.options import RetryOptions, TlsOptions, make_options
from radio_client.progress import make_bar
from radio_client.proto import feature_service_pb2 as pb
from radio_client.proto.feature_service_pb2_grpc import FeatureServiceStub
from radio_client.requests import DataTypeName, LayoutName, RequestTemplate, Resize
from radio_client.retry import RetryPolicy
from radio_client.streams import Event, Streams
from radio_client.zero_shot import Classes, Classification, Classifier

Reply = TypeVar("Reply")


class Client:
    """Connects to one or more servers; thread-safe, one is enough for a process. Close it, or use it in `with`.

    target: "host:port", resolved by DNS and balanced round robin over all its addresses; any gRPC target
    ("dns:///...", "unix:/path", "ipv4:..."); or a list of those, each of which gets a stream of its own. streams: how
    many streams one `encode` keeps open; for a name with N servers behind it, N keeps all of them busy.
    token: sent as "authorization: Bearer <token>"; refused without TLS unless the server is this machine.
    tls: True for the usual roots. deadline: seconds, of each call, retries included; of `encode`, how long a server
    that has images to answer may answer none of them.

    Errors are RadioError. Nothing is sent before the first call; a wrong address shows there, as UNAVAILABLE.
    """

    def __init__(
        self,
        target: str | Sequence[str] = "localhost:50051",
        *,
        token: str = "",
        tls: TlsOptions | bool | None = None,
        deadline: float = 60.0,
        retry: RetryOptions | None = None,
        streams: int = 0,
    ):
        self._options = make_options(target, token, tls, deadline, retry, streams)
        self._policy = RetryPolicy(self._options.retry)
        credentials, arguments = self._options.credentials(), self._options.channel_arguments
        self._channels = [
            grpc.secure_channel(address, credentials, arguments)
            if credentials
            else grpc.insecure_channel(address, arguments)
            for address in self._options.targets
        ]
        self._stubs = [FeatureServiceStub(channel) for channel in self._channels]  # type: ignore[no-untyped-call]
        self._health = [health_pb2_grpc.HealthStub(channel) for channel in self._channels]

    def close(self) -> None:
        """Cancels what is running."""
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def encode(
        self,
        images: Images,
        model: str = "",
        outputs: str | Sequence[str] = ("backbone",),
        *,
        summary: bool = True,
        features: bool = False,
        resize: Resize = None,
        dtype: DataTypeName = "float32",
        layout: LayoutName | None = None,
        l2_normalize: bool = False,
        conditioned: bool = False,
        ordered: bool = True,
        in_flight: int = 32,
        on_error: OnError = "raise",
        progress: bool | None = None,
    ) -> Generator[ImageFeatures, None, None]:
        """Features of many images, one result for each, as an iterator that sends while it is iterated.

        images: a path, folder or glob pattern; encoded bytes (JPEG, PNG, WebP); a PIL image; an array, uint8
        `[H, W, 3]` or float `[3, H, W]` in [0, 1]; or any iterable of those, of any length. It is read in the caller's
        thread, only as far ahead as the bounds allow. An exception of the iterable is raised after the results of what
        it gave.
        outputs: "backbone" and adaptors. resize: "nearest", "none", "preferred", "exact=HxW" or (H, W), "shortest=N" or
        N; by default "nearest", and none for float arrays, which cannot be resized.
        ordered: results in input order; otherwise in the order of the answers (see ImageFeatures.index).
        in_flight: images sent and not answered; at most 4 times as many are held in all, results that wait for an
        earlier one included.
        on_error: an image's own failure is raised in its place as ImageError, which ends the iteration, or comes as a
        result with `error`. What is no image's own fault (no server, no permission, an overload that does not pass, a
        failing device) is always raised.
        progress: a bar (tqdm); by default on a terminal.

        Images that are unanswered when a connection breaks, or that a server refuses for now, are sent again, without
        loss or repetition in the results; RetryOptions says for how long.
        """
        template = RequestTemplate(model, outputs, summary, features, resize, dtype, layout, l2_normalize, conditioned)
        encoding = self._encoding(template, ordered, in_flight, on_error)
        source, total = expand(images)
        return self._encode(encoding, source, total, progress)

    def zero_shot(
        self,
        images: Images,
        classes: Classes,
        *,
        adaptor: str | None = None,
        top: int = 5,
        model: str = "",
        resize: Resize = None,
        in_flight: int = 32,
        on_error: OnError = "raise",
        progress: bool | None = None,
    ) -> Iterator[Classification]:
        """The classes nearest to each image, as `radio classify` finds them.

        classes: a file that `radio-export text` wrote, a `.npy` `[classes, C]`, or ClassEmbeddings. adaptor: the
        teacher in whose space they are; by default what the file says, else clip. The rest is as for `encode`.
        """
        classifier = Classifier(classes, adaptor, top)
        results = self.encode(
            images,
            model,
            [classifier.adaptor],
            resize=resize,
            in_flight=in_flight,
            on_error=on_error,
            progress=progress,
        )
        return map(classifier.classify, results)

    def pca_image(
        self,
        image: ImageInput,
        *,
        adaptor: str = "backbone",
        model: str = "",
        resize: Resize = None,
        pixels_per_token: int = 0,
    ) -> NDArray[np.uint8]:
        """The first three principal components of an image's features as a picture, uint8 `[H, W, 3]`.

        Of the image's size, or of `pixels_per_token` pixels for each token: the picture that `radio pca` draws.
        """
        results = self.encode([image], model, [adaptor], features=True, resize=resize, layout="NHWC", progress=False)
        [result] = results
        return draw_pca(result, adaptor, pixels_per_token)

    def models(self) -> list[pb.Model]:
        """All served models with their facts, in configuration order."""
        return list(self._call(self._stubs, "ListModels", pb.ListModelsRequest()).models)

    def model(self, name: str = "") -> pb.Model:
        """One model; empty = the configured default."""
        reply: pb.GetModelResponse = self._call(self._stubs, "GetModel", pb.GetModelRequest(model=name))
        return reply.model

    def health(self, service: str = "") -> str:
        """ "SERVING", "NOT_SERVING" or "UNKNOWN": the server (empty), "readiness", "liveness" or a model by name.

        With a list of servers, the first that can be reached. NOT_FOUND when the server knows no such service.
        """
        request = health_pb2.HealthCheckRequest(service=service)
        reply: health_pb2.HealthCheckResponse = self._call(self._health, "Check", request)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)

    def _call(self, stubs: Sequence[Any], method: str, request: Any) -> Any:
        end = time.monotonic() + self._options.deadline
        attempts = 0
        while True:
            call: Callable[..., Any] = getattr(stubs[attempts % len(stubs)], method)
            attempts += 1
            try:
                reply = call(request, timeout=max(0.001, end - time.monotonic()), metadata=self._options.metadata)
            except grpc.RpcError as failed:
                error = from_call(failed)
                delay = self._policy.next_delay(error, attempts, end - time.monotonic())
                if delay is None:
                    raise error from None
                time.sleep(delay)
            else:
                self._policy.on_success()
                return reply

    def _encoding(self, template: RequestTemplate, ordered: bool, in_flight: int, on_error: OnError) -> Encoding:
        return Encoding(self._options, self._policy, template, ordered, in_flight, on_error)

    def _streams(self, encoding: Encoding, post: Callable[[Event], object]) -> Streams:
        return Streams(self._stubs, self._options.metadata, encoding, post)

    def _encode(
        self, encoding: Encoding, source: Iterator[ImageInput], total: int | None, progress: bool | None
    ) -> Generator[ImageFeatures, None, None]:
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        streams = self._streams(encoding, events.put)
        state = encoding.state

        def advance() -> None:
            while not events.empty():
                streams.handle(events.get())
            streams.advance()

        bar = make_bar(progress, total)
        more, source_error, begun = True, None, False
        try:
            while True:
                advance()
                # At least one image goes for each result that comes, so that the server stays busy; and not more while
                # results are ready, so that they need not wait for a slow source.
                while more and state.has_room() and not (begun and state.ready()):
                    try:
                        encoding.add(load(next(source)))
                    except StopIteration:
                        more = False
                    except Exception as error:
                        more, source_error = False, error
                    begun = True
                    advance()
                result = encoding.next_result()
                if result is not None:
                    begun = False
                    bar.update()
                    yield result
                elif more or not state.idle():
                    with contextlib.suppress(queue.Empty):
                        streams.handle(events.get(timeout=streams.due()))
                else:
                    break
            streams.finish()
            if source_error is not None:
                raise source_error
        finally:
            streams.cancel()
            bar.close()


def draw_pca(image: ImageFeatures, adaptor: str, pixels_per_token: int) -> NDArray[np.uint8]:
    features, size, scale = image.features(adaptor), image.geometry, pixels_per_token
    if scale > 0:
        return pca.draw(features, features.shape[0] * scale, features.shape[1] * scale)
    return pca.draw(features, size.source_height, size.source_width)
