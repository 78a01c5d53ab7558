"""What is asked for each image."""

import re
from collections.abc import Sequence
from typing import Literal

from radio_client.images import is_float
from radio_client.proto import feature_service_pb2 as pb

Resize = str | int | tuple[int, int] | None
DataTypeName = Literal["float32", "float16", "bfloat16"]
LayoutName = Literal["NLC", "NHWC", "NCHW"]

_DATA_TYPES = {"float32": pb.DATA_TYPE_FLOAT32, "float16": pb.DATA_TYPE_FLOAT16, "bfloat16": pb.DATA_TYPE_BFLOAT16}
_LAYOUTS = {
    None: pb.FEATURE_LAYOUT_UNSPECIFIED,
    "NLC": pb.FEATURE_LAYOUT_NLC,
    "NHWC": pb.FEATURE_LAYOUT_NHWC,
    "NCHW": pb.FEATURE_LAYOUT_NCHW,
}
_MODES = {
    "none": pb.RESIZE_MODE_UNSPECIFIED,
    "nearest": pb.RESIZE_MODE_NEAREST_SUPPORTED,
    "preferred": pb.RESIZE_MODE_PREFERRED,
}


class RequestTemplate:
    """The request that goes with every image. Immutable.

    resize: None is "nearest" for what can be resized and "none" for float arrays, which cannot.
    """

    def __init__(
        self,
        model: str = "",
        outputs: str | Sequence[str] = ("backbone",),
        summary: bool = True,
        features: bool = False,
        resize: Resize = None,
        dtype: DataTypeName = "float32",
        layout: LayoutName | None = None,
        l2_normalize: bool = False,
        conditioned: bool = False,
    ):
        names = outputs.split(",") if isinstance(outputs, str) else list(outputs)
        if not names or not all(names):
            raise ValueError("outputs: at least one name, none of them empty")
        if not (summary or features):
            raise ValueError("summary, features: at least one of the two")
        if dtype not in _DATA_TYPES:
            raise ValueError(f"dtype: must be one of {', '.join(_DATA_TYPES)}, is {dtype!r}")
        if layout not in _LAYOUTS:
            raise ValueError(f"layout: must be NLC, NHWC, NCHW or None (the model family's default), is {layout!r}")
        specs = [
            pb.OutputSpec(
                adaptor=name,
                summary=summary,
                features=features,
                layout=_LAYOUTS[layout],
                data_type=_DATA_TYPES[dtype],
                l2_normalize=l2_normalize,
            )
            for name in names
        ]
        preprocessing = parse_resize("nearest" if resize is None else resize)
        preprocessing.conditioned = conditioned
        self._request = pb.ExtractStreamRequest(model=model, outputs=specs, preprocessing=preprocessing)
        self._keeps_floats = resize is None

    def fill(self, image: pb.Image) -> pb.ExtractStreamRequest:
        request = pb.ExtractStreamRequest()
        request.CopyFrom(self._request)
        if self._keeps_floats and is_float(image):
            request.preprocessing.resize = pb.RESIZE_MODE_UNSPECIFIED
        request.image.CopyFrom(image)
        return request


def parse_resize(resize: Resize) -> pb.Preprocessing:
    """ "none", "nearest", "preferred", "exact=HxW" or (H, W), "shortest=N" or N; sides in pixels."""
    text = resize
    if isinstance(resize, int):
        text = f"shortest={resize}"
    elif isinstance(resize, tuple) and len(resize) == 2:
        text = f"exact={resize[0]}x{resize[1]}"
    if isinstance(text, str):
        if text in _MODES:
            return pb.Preprocessing(resize=_MODES[text])
        if found := re.fullmatch(r"shortest=([1-9][0-9]{0,8})", text):
            return pb.Preprocessing(resize=pb.RESIZE_MODE_SHORTEST_SIDE, shortest_side=int(found[1]))
        if found := re.fullmatch(r"exact=([1-9][0-9]{0,8})x([1-9][0-9]{0,8})", text):
            return pb.Preprocessing(resize=pb.RESIZE_MODE_EXACT, height=int(found[1]), width=int(found[2]))
    raise ValueError(f"resize {resize!r}: must be none, nearest, preferred, exact=HxW, (H, W), shortest=N or N")
