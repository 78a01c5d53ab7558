"""What `encode` takes: files, folders, bytes, PIL images, arrays, or any iterable of those."""

import glob
import io
import os
import sys
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Union

import grpc
import numpy as np
from numpy.typing import NDArray

from radio_client.errors import ImageError
from radio_client.proto import feature_service_pb2 as pb

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

ImageInput = Union[str, os.PathLike[str], bytes, bytearray, memoryview, NDArray[Any], "PilImage"]  # noqa: UP007
Images = ImageInput | Iterable[ImageInput]
AsyncImages = AsyncIterable[ImageInput]

# Below the server's usual limit for a message (64 MiB): a message beyond it would end the stream.
MAX_IMAGE_BYTES = 60 << 20
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_TENSOR_TYPES = {
    "uint8": pb.DATA_TYPE_UINT8,
    "float16": pb.DATA_TYPE_FLOAT16,
    "float32": pb.DATA_TYPE_FLOAT32,
}


def expand(images: Images) -> tuple[Iterator[ImageInput], int | None]:
    """The images one by one, and how many they are where that is known without reading them.

    A string names a file, a folder (all image files below it) or a glob pattern; an array of four dimensions is a
    batch. What a folder or pattern holds comes sorted by bytes; FileNotFoundError when it holds no image. A plain path
    need not exist: that image then fails, not the run.
    """
    if isinstance(images, (str, os.PathLike)):
        paths = _paths(os.fspath(images))
        return iter(paths), len(paths)
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return iter(images), len(images)
    if is_single(images):
        return iter((images,)), 1  # type: ignore[arg-type]
    if isinstance(images, (list, tuple)) and not any(_is_many(image) for image in images):
        return iter(images), len(images)
    if isinstance(images, Iterable):
        length = len(images) if isinstance(images, np.ndarray) else None
        return _flatten(images), length  # type: ignore[arg-type]
    raise TypeError(f"images: cannot take {type(images).__name__}")


def is_single(image: object) -> bool:
    return isinstance(image, (str, os.PathLike, bytes, bytearray, memoryview, np.ndarray)) or is_pil(image)


def is_pil(image: object) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def path_of(image: object) -> str | None:
    return os.fsdecode(image) if isinstance(image, (str, os.PathLike)) else None


def load(image: ImageInput) -> pb.Image:
    """The image as it is sent. ImageError when it cannot be, TypeError for what is no image at all. Reads files."""
    if isinstance(image, (str, os.PathLike)):
        return _checked(pb.Image(encoded=_read(os.fspath(image))))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _checked(pb.Image(encoded=bytes(image)))
    if isinstance(image, np.ndarray):
        return _checked(_from_array(image))
    if is_pil(image):
        return _checked(_from_pil(image))
    raise TypeError(
        f"an image must be a path, bytes, a PIL image or an array, not {type(image).__module__}.{type(image).__name__}"
    )


def is_float(image: pb.Image) -> bool:
    """Whether the server takes it as it is, whatever the resize mode."""
    return image.HasField("tensor") and image.tensor.data_type != pb.DATA_TYPE_UINT8


def _checked(image: pb.Image) -> pb.Image:
    size = len(image.encoded) or len(image.tensor.data)
    if size > MAX_IMAGE_BYTES:
        raise _invalid(f"the image has {size} bytes, more than {MAX_IMAGE_BYTES}")
    return image


def _invalid(message: str) -> ImageError:
    return ImageError(grpc.StatusCode.INVALID_ARGUMENT, message)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            # One byte more than is sent: a file that is far too large is not read to its end.
            return file.read(MAX_IMAGE_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageError(grpc.StatusCode.NOT_FOUND, "no such file") from error
    except PermissionError as error:
        raise ImageError(grpc.StatusCode.PERMISSION_DENIED, "not readable") from error
    except OSError as error:
        raise ImageError(grpc.StatusCode.UNKNOWN, error.strerror or str(error)) from error


def _from_array(pixels: NDArray[Any]) -> pb.Image:
    name = pixels.dtype.name
    is_bytes = name == "uint8"
    fits = pixels.ndim == 3 and pixels.size > 0 and pixels.shape[2 if is_bytes else 0] == 3
    if name not in _TENSOR_TYPES or not fits:
        raise _invalid(
            f"array {name} {list(pixels.shape)}: must be uint8 [H, W, 3], or float32 or float16 [3, H, W] in [0, 1]"
        )
    data = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes()
    return pb.Image(tensor=pb.Tensor(data_type=_TENSOR_TYPES[name], shape=pixels.shape, data=data))


def _from_pil(image: Any) -> pb.Image:
    from PIL import ImageOps

    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
            # The server turns these into RGB by its own rules (docs/preprocessing.md).
            file = io.BytesIO()
            upright.save(file, "PNG", compress_level=1)
            return pb.Image(encoded=file.getvalue())
        return _from_array(np.asarray(upright.convert("RGB")))
    except (OSError, SyntaxError) as error:  # Pillow reads the file only now.
        raise _invalid(str(error)) from error


def _is_many(image: object) -> bool:
    if not isinstance(image, (str, os.PathLike)):
        return False
    path = os.fspath(image)
    return os.path.isdir(path) or (glob.has_magic(path) and not os.path.exists(path))


def _flatten(images: Iterable[ImageInput]) -> Iterator[ImageInput]:
    for image in images:
        if _is_many(image):
            yield from _paths(os.fspath(image))  # type: ignore[arg-type]
        else:
            yield image


def _paths(path: str) -> list[str]:
    if not _is_many(path):
        return [path]
    if os.path.isdir(path):
        return _below(path)
    found = sorted(glob.glob(path, recursive=True), key=os.fsencode)
    if not found:
        raise FileNotFoundError(f"{path}: matches nothing")
    return [file for name in found for file in (_below(name) if os.path.isdir(name) else [name])]


def _below(folder: str) -> list[str]:
    found = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    kept = sorted((f for f in found if f.lower().endswith(SUFFIXES) and os.path.isfile(f)), key=os.fsencode)
    if not kept:
        raise FileNotFoundError(f"{folder}: no images ({', '.join(SUFFIXES)})")
    return kept
