"""The answer to one image."""

from dataclasses import dataclass, field

import grpc
import numpy as np
from numpy.typing import NDArray

from radio_client.errors import ImageError, RadioError
from radio_client.proto import feature_service_pb2 as pb

Array = NDArray[np.floating]

_TYPES = {pb.DATA_TYPE_FLOAT16: "<f2", pb.DATA_TYPE_FLOAT32: "<f4"}


@dataclass
class ImageFeatures:
    """Arrays of one image, or why there are none.

    index: the image's place in the input, from 0. path: its file, if it was one.
    """

    index: int
    path: str | None
    error: ImageError | None = None
    message: pb.ImageResult = field(default_factory=pb.ImageResult, repr=False)

    @property
    def ok(self) -> bool:
        return self.error is None

    def summary(self, adaptor: str = "backbone") -> Array:
        """`[C]`. Raises the image's error; NOT_FOUND when no summary of that adaptor was asked for.

        float32, or float16 if that was asked for; bfloat16, which NumPy does not have, becomes float32 (exactly).
        """
        return self._array("summary", adaptor)

    def features(self, adaptor: str = "backbone") -> Array:
        """`[T, D]`, `[h, w, D]` or `[D, h, w]`, as asked for. Errors and types as for `summary`."""
        return self._array("features", adaptor)

    @property
    def geometry(self) -> pb.Geometry:
        """Sizes: of the image as sent, of what the model saw, and the grid of backbone tokens."""
        return self.message.geometry

    @property
    def timings(self) -> pb.Timings:
        """Where the image's time went on the server."""
        return self.message.timings

    def _array(self, kind: str, adaptor: str) -> Array:
        if self.error is not None:
            raise self.error
        for output in self.message.outputs:
            if output.adaptor == adaptor and output.HasField(kind):
                try:
                    return to_array(getattr(output, kind))
                except ValueError as error:
                    raise RadioError(grpc.StatusCode.INTERNAL, f"the {kind} of {adaptor!r}: {error}") from error
        held = ", ".join(output.adaptor for output in self.message.outputs if output.HasField(kind)) or "none"
        message = f"the answer holds no {kind} of {adaptor!r}; it has: {held}"
        raise RadioError(grpc.StatusCode.NOT_FOUND, message)


def to_array(tensor: pb.Tensor) -> Array:
    """The tensor as a read-only array. ValueError when its bytes are no such tensor."""
    if tensor.data_type == pb.DATA_TYPE_BFLOAT16:
        array = (np.frombuffer(tensor.data, "<u2").astype("<u4") << 16).view("<f4")
    elif tensor.data_type in _TYPES:
        array = np.frombuffer(tensor.data, _TYPES[tensor.data_type])
    else:
        raise ValueError(f"no array of {pb.DataType.Name(tensor.data_type)}")
    array = array.reshape(tuple(tensor.shape))
    array.flags.writeable = False
    return array
