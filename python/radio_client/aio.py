"""The asyncio client."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radio_client.client import Client, draw_pca
from radio_client.encoding import Encoding, Loaded, OnError, load
from radio_client.image_features import ImageFeatures
from radio_client.images import AsyncImages, ImageInput, Images, expand
from radio_client.options import RetryOptions, TlsOptions
from radio_client.progress import make_bar
from radio_client.proto import feature_service_pb2 as pb
from radio_client.requests import DataTypeName, LayoutName, RequestTemplate, Resize
from radio_client.streams import Event
from radio_client.zero_shot import Classes, Classification, Classifier


class AsyncClient:
    """Client, for asyncio: the same arguments, results and errors.

    gRPC's own threads do the input and output; the event loop is never blocked. Cancelling a task that iterates
    `encode` cancels its calls. Leave an iteration early inside contextlib.aclosing, so that its calls end then and not
    when the iterator is collected.
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
        self._client = Client(target, token=token, tls=tls, deadline=deadline, retry=retry, streams=streams)

    async def close(self) -> None:
        """Cancels what is running."""
        await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def encode(
        self,
        images: Images | AsyncImages,
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
    ) -> AsyncGenerator[ImageFeatures, None]:
        """As Client.encode. `images` may also be an asynchronous iterable.

        Files and other iterables are read in threads, one image at a time, as far ahead as the bounds allow.
        """
        template = RequestTemplate(model, outputs, summary, features, resize, dtype, layout, l2_normalize, conditioned)
        encoding = self._client._encoding(template, ordered, in_flight, on_error)
        return self._encode(encoding, images, progress)

    async def zero_shot(
        self,
        images: Images | AsyncImages,
        classes: Classes,
        *,
        adaptor: str | None = None,
        top: int = 5,
        model: str = "",
        resize: Resize = None,
        in_flight: int = 32,
        on_error: OnError = "raise",
        progress: bool | None = None,
    ) -> AsyncGenerator[Classification, None]:
        """As Client.zero_shot."""
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
        async with contextlib.aclosing(results):
            async for result in results:
                yield classifier.classify(result)

    async def pca_image(
        self,
        image: ImageInput,
        *,
        adaptor: str = "backbone",
        model: str = "",
        resize: Resize = None,
        pixels_per_token: int = 0,
    ) -> NDArray[np.uint8]:
        """As Client.pca_image."""
        results = self.encode([image], model, [adaptor], features=True, resize=resize, layout="NHWC", progress=False)
        [result] = [result async for result in results]
        return await asyncio.to_thread(draw_pca, result, adaptor, pixels_per_token)

    async def models(self) -> list[pb.Model]:
        """As Client.models."""
        return await asyncio.to_thread(self._client.models)

    async def model(self, name: str = "") -> pb.Model:
        """As Client.model."""
        return await asyncio.to_thread(self._client.model, name)

    async def health(self, service: str = "") -> str:
        """As Client.health."""
        return await asyncio.to_thread(self._client.health, service)

    async def _encode(
        self, encoding: Encoding, images: Images | AsyncImages, progress: bool | None
    ) -> AsyncGenerator[ImageFeatures, None]:
        source: Any = images
        total = None
        if not isinstance(images, AsyncIterable):
            source, total = await asyncio.to_thread(expand, images)
        run = _Run(self._client, encoding)
        feeder = asyncio.create_task(run.feed(source))
        bar = make_bar(progress, total)
        try:
            while True:
                run.changed.clear()
                result = encoding.next_result()
                if result is not None:
                    run.room.set()
                    bar.update()
                    yield result
                elif feeder.done() and encoding.state.idle():
                    break
                else:
                    await run.changed.wait()
            run.finish()
            # An exception of the iterable comes after the results of what it gave.
            feeder.result()
        finally:
            feeder.cancel()
            run.cancel()
            await asyncio.gather(feeder, return_exceptions=True)
            bar.close()


class _Run:
    """One `encode` on the event loop, where everything but the reading of answers happens."""

    def __init__(self, client: Client, encoding: Encoding):
        self.changed = asyncio.Event()  # Something was answered, failed or fed.
        self.room = asyncio.Event()  # Another image may fit.
        self._encoding = encoding
        self._loop = asyncio.get_running_loop()
        self._streams = client._streams(encoding, self._post)
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    async def feed(self, source: Any) -> None:
        """Reads the input to its end, as far ahead as the bounds allow."""
        try:
            async for loaded in _read(source):
                while not self._encoding.state.has_room():
                    self.room.clear()
                    await self.room.wait()
                self._encoding.add(loaded)
                self._advance()
        finally:
            self.changed.set()

    def finish(self) -> None:
        self._end()
        self._streams.finish()

    def cancel(self) -> None:
        self._end()
        self._streams.cancel()

    def _post(self, event: Event) -> None:
        # The loop may be closed by the time a cancelled call ends.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._handle, event)

    def _handle(self, event: Event) -> None:
        if not self._ended:
            self._streams.handle(event)
            self._advance()

    def _advance(self) -> None:
        self._stop_timer()
        self._streams.advance()
        due = self._streams.due()
        if due is not None and self._encoding.state.failure is None:
            self._timer = self._loop.call_later(due, self._advance)
        self.changed.set()
        self.room.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._ended = True
        self._stop_timer()


async def _read(source: Any) -> AsyncIterator[Loaded]:
    if isinstance(source, AsyncIterable):
        async for image in source:
            yield await asyncio.to_thread(load, image)
        return
    iterator, end = iter(source), object()

    def step() -> Any:
        image: Any = next(iterator, end)
        return end if image is end else load(image)

    while (loaded := await asyncio.to_thread(step)) is not end:
        yield loaded
