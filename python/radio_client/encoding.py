"""What the blocking and the asyncio `encode` share."""

from dataclasses import dataclass
from typing import Literal

from radio_client import images
from radio_client.errors import ImageError, RadioError, from_status
from radio_client.image_features import ImageFeatures
from radio_client.images import ImageInput
from radio_client.options import ClientOptions
from radio_client.proto import feature_service_pb2 as pb
from radio_client.requests import RequestTemplate
from radio_client.retry import RetryPolicy
from radio_client.stream_state import MAX_CONNECTION_AGE, Session, StreamState

OnError = Literal["raise", "yield"]


@dataclass(frozen=True)
class Loaded:
    """An image of the input as it is sent, or why it cannot be."""

    path: str | None
    image: pb.Image | ImageError


def load(image: ImageInput) -> Loaded:
    """Blocks while it reads the file. TypeError for what is no image."""
    path = images.path_of(image)
    try:
        return Loaded(path, images.load(image))
    except ImageError as error:
        return Loaded(path, error)


class Encoding:
    """One `encode`: inputs become requests, answers become results."""

    def __init__(
        self,
        options: ClientOptions,
        policy: RetryPolicy,
        template: RequestTemplate,
        ordered: bool,
        in_flight: int,
        on_error: OnError,
    ):
        if in_flight < 1:
            raise ValueError(f"in_flight: must be at least 1, is {in_flight}")
        if on_error not in ("raise", "yield"):
            raise ValueError(f"on_error: must be 'raise' or 'yield', is {on_error!r}")
        self.state = StreamState(policy, options.deadline, options.lanes, in_flight, ordered)
        # Of a whole call: behind the bound that the state keeps on each answer.
        self.call_timeout = MAX_CONNECTION_AGE + 4 * options.deadline
        self._template = template
        self._raises = on_error == "raise"
        self._paths: dict[int, str] = {}

    def add(self, loaded: Loaded) -> None:
        """Needs `state.has_room()`."""
        if isinstance(loaded.image, ImageError):
            index = self.state.reject(loaded.image)
        else:
            index = self.state.accept(self._template.fill(loaded.image))
        if loaded.path is not None:
            self._paths[index] = loaded.path

    def on_answer(self, session: Session, response: pb.ExtractStreamResponse, now: float) -> None:
        status = response.result.status
        self.state.on_answer(session, response, from_status(status) if status.code else None, now)

    def next_result(self) -> ImageFeatures | None:
        """The next result, if it is there. Raises an image's error, or what ended the run once nothing is left."""
        outcome = self.state.take()
        if outcome is None:
            if self.state.failure is not None:
                raise self.state.failure
            return None
        path = self._paths.pop(outcome.index, None)
        if not isinstance(outcome.result, RadioError):
            return ImageFeatures(outcome.index, path, message=outcome.result)
        error = ImageError(*outcome.result.args).at(outcome.index, path)
        if self._raises:
            raise error
        return ImageFeatures(outcome.index, path, error)
