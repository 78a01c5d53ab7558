"""What a server that is broken or hostile says becomes a RadioError, never another exception."""

import math
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
from fake_server import answer, encode, make_status
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from radio_client import Client, ImageFeatures, RadioError
from radio_client.errors import from_call, from_status
from radio_client.options import RetryOptions
from radio_client.proto import feature_service_pb2 as pb
from radio_client.retry import RetryPolicy

UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED


def unreadable(kind):
    """A detail that says it is a message of that kind and is none."""
    return any_pb2.Any(type_url=f"type.googleapis.com/google.rpc.{kind}", value=b"\xff")


@pytest.mark.parametrize("kind", ["ErrorInfo", "RetryInfo", "Nonesuch"])
def test_a_detail_that_cannot_be_read_is_passed_over(kind):
    status = make_status(EXHAUSTED, "QUEUE_FULL", 0.5)
    status.details.insert(0, unreadable(kind))
    error = from_status(status)
    assert (error.code, error.reason, error.pushback) == (EXHAUSTED, "QUEUE_FULL", 0.5)


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_a_call_that_ends_with_such_a_detail_fails_with_its_status(fake, kind):
    def refuse(call, requests, context):
        details = status_pb2.Status(details=[unreadable("ErrorInfo")]).SerializeToString()
        context.set_trailing_metadata([("grpc-status-details-bin", details)])
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        yield

    with pytest.raises(RadioError) as error:
        encode(kind, fake(refuse).address, [b"0"])
    assert error.value.code == grpc.StatusCode.PERMISSION_DENIED


def test_details_that_are_no_status_are_passed_over():
    call = SimpleNamespace(
        code=lambda: UNAVAILABLE,
        details=lambda: "gone",
        trailing_metadata=lambda: [("grpc-status-details-bin", b"\xff")],
    )
    assert str(from_call(call)) == "UNAVAILABLE: gone"


def test_a_negative_retry_info_means_at_once():
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=-3))
    status = status_pb2.Status(code=EXHAUSTED.value[0])
    status.details.add().Pack(retry)
    assert from_status(status).pushback == 0


@pytest.mark.parametrize(
    "trailer, pushback", [("250", 0.25), ("-1", math.inf), ("soon", math.inf), ("9" * 5000, math.inf)]
)
def test_the_trailer_goes_by_grpcs_rule(trailer, pushback):
    assert from_status(status_pb2.Status(code=UNAVAILABLE.value[0]), trailer).pushback == pushback


@pytest.mark.parametrize(
    "data_type, shape", [(pb.DATA_TYPE_FLOAT32, [3]), (pb.DATA_TYPE_FLOAT16, [1]), (pb.DATA_TYPE_UNSPECIFIED, [2])]
)
def test_an_answer_whose_bytes_are_no_such_tensor_is_an_error_of_the_server(data_type, shape):
    tensor = pb.Tensor(data_type=data_type, shape=shape, data=np.zeros(2, "<f4").tobytes())
    message = pb.ImageResult(outputs=[pb.Output(adaptor="backbone", summary=tensor)])
    with pytest.raises(RadioError, match="summary of 'backbone'") as error:
        ImageFeatures(0, None, message=message).summary()
    assert error.value.code == grpc.StatusCode.INTERNAL


def test_a_retry_that_would_come_too_late_is_not_taken_from_the_budget():
    policy = RetryPolicy(RetryOptions(budget=1))
    full = RadioError(EXHAUSTED, "full", pushback=5.0)
    assert policy.next_delay(full, 1, time_left=5) is None
    assert policy.next_delay(full, 1, time_left=6) == 5
    assert policy.next_delay(full, 1, time_left=6) is None, "the budget is spent"


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"token": "line\n"}, "token: holds"),
        ({"token": "two words"}, "token: holds"),
        ({"token": "café"}, "token: holds"),
        ({"retry": RetryOptions(jitter=1.5)}, "retry.jitter"),
        ({"retry": RetryOptions(budget=-1)}, "retry.budget"),
        ({"retry": RetryOptions(patience=math.nan)}, "retry.patience"),
        ({"retry": RetryOptions(max_attempts=0)}, "retry.max_attempts"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once_and_tokens_stay_secret(wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        Client(**wrong)
    if "token" in wrong:
        assert wrong["token"] not in str(error.value)


def test_the_answers_of_the_fake_are_fine(fake):
    """Negative control for the tensors above."""
    [result] = encode("blocking", fake(lambda call, requests, context: map(answer, requests)).address, [b"7"])
    assert result.summary() == [7]
