"""The service's errors as exceptions."""

import math
import re
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

_DOMAIN = "radio.v1"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class RadioError(Exception):
    """A call or an image failed.

    code: gRPC's. reason: the service's, e.g. "QUEUE_FULL" (docs/errors.md lists them), empty when the error did not
    come from the service. metadata: what the service says about it, e.g. `valid_names`. pushback: seconds after which
    the server wants the caller back; None unless it said so, infinite when it said "do not retry".
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        pushback: float | None = None,
    ):
        super().__init__(code, message, reason, metadata, pushback)
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.pushback = pushback

    def __str__(self) -> str:
        return f"{self.code.name}{f' [{self.reason}]' if self.reason else ''}: {self.message}"

    @property
    def retryable(self) -> bool:
        """Whether a repeated attempt may succeed."""
        if self.pushback == math.inf:
            return False
        if self.code == grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.pushback is not None
        return self.code == grpc.StatusCode.UNAVAILABLE


class ImageError(RadioError):
    """One image's own failure; others are not concerned.

    index: the image's place in the input, from 0. path: its file, if it was one.
    """

    index: int = -1
    path: str | None = None

    def __str__(self) -> str:
        return f"{self.path or f'image {self.index}'}: {super().__str__()}"

    def at(self, index: int, path: str | None) -> "ImageError":
        """Itself, with the place filled in."""
        self.index, self.path = index, path
        return self


def is_images_own_failure(error: RadioError) -> bool:
    """Whether other images of the same request may still succeed; as the C++ client's `embed` decides."""
    if error.code == grpc.StatusCode.INVALID_ARGUMENT:
        return error.reason not in ("OUTPUT_UNSUPPORTED", "REQUEST_INVALID")
    return error.reason in ("INFERENCE_FAILED", "NON_FINITE_OUTPUT")


def from_status(status: status_pb2.Status, trailer: str | None = None) -> RadioError:
    """Of an image, or of a call. trailer: the call's `grpc-retry-pushback-ms`."""
    reason, metadata, pushback = "", {}, None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details:
        if _unpack(detail, info) and info.domain == _DOMAIN:
            reason, metadata = info.reason, dict(info.metadata)
        elif _unpack(detail, retry):
            pushback = max(0.0, retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
    if trailer is not None:
        # gRPC's rule (proposal A6): negative or unreadable means "do not retry".
        readable = re.fullmatch("[0-9]{1,18}", trailer)
        pushback = int(trailer) / 1e3 if readable else math.inf
    error = RadioError(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, reason, metadata, pushback)
    if is_images_own_failure(error):
        return ImageError(*error.args)
    return error


def _unpack(detail: any_pb2.Any, message: Message) -> bool:
    """Whether `detail` holds such a message. What cannot be read holds none."""
    try:
        return bool(detail.Unpack(message))
    except DecodeError:
        return False


def from_call(call: Any) -> RadioError:
    """Of a finished call: a grpc.RpcError of the blocking or of the asyncio API."""
    trailers = {key: value for key, value in call.trailing_metadata() or ()}
    status = status_pb2.Status(code=call.code().value[0], message=call.details() or "")
    details = status_pb2.Status()
    try:
        details.ParseFromString(trailers.get("grpc-status-details-bin", b""))
    except DecodeError:  # Not from this service.
        details.Clear()
    status.details.extend(details.details)
    error = from_status(status, trailers.get("grpc-retry-pushback-ms"))
    return RadioError(*error.args)
