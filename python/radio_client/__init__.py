"""Client of RADIO Serve: images to features.

    from radio_client import Client

    with Client("localhost:50051") as client:
        for image in client.encode("photos/", on_error="yield"):
            if image.ok:
                print(image.path, image.summary())

`Client` blocks, `AsyncClient` is the same for asyncio. Messages such as `Model` are those of proto/radio/v1.
"""

from radio_client.aio import AsyncClient
from radio_client.client import Client
from radio_client.errors import ImageError, RadioError
from radio_client.image_features import ImageFeatures
from radio_client.options import RetryOptions, TlsOptions
from radio_client.proto.feature_service_pb2 import Geometry, Model, Timings
from radio_client.zero_shot import ClassEmbeddings, Classification

__all__ = [
    "AsyncClient",
    "ClassEmbeddings",
    "Classification",
    "Client",
    "Geometry",
    "ImageError",
    "ImageFeatures",
    "Model",
    "RadioError",
    "RetryOptions",
    "Timings",
    "TlsOptions",
]
