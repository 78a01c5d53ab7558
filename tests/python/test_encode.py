"""`encode` of both clients against a server whose faults the tests choose."""

import asyncio
import contextlib
import threading

import grpc
import numpy as np
import pytest
from fake_server import QUICK, answer, encode, end, failure, numbers, values
from radio_client import AsyncClient, ClassEmbeddings, Client, ImageError, RadioError, RetryOptions

UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED
INVALID, DENIED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED
both = pytest.mark.parametrize("kind", ["blocking", "asyncio"])


def answer_all(call, requests, context):
    for request in requests:
        yield answer(request)


def in_pairs_reversed(call, requests, context):
    """The second image is answered before the first."""
    held = []
    for request in requests:
        held.append(request)
        if len(held) == 2:
            yield from (answer(one) for one in reversed(held))
            held = []


@both
def test_results_come_in_order_and_each_belongs_to_its_image(fake, kind):
    server = fake(in_pairs_reversed)
    results = encode(kind, server.address, numbers(100))
    assert values(results) == list(range(100))
    assert [result.index for result in results] == list(range(100))
    unordered = encode(kind, server.address, numbers(10), ordered=False)
    assert [result.index for result in unordered][:2] == [1, 0]
    assert [int(result.summary()[0]) for result in unordered] == [result.index for result in unordered]


@both
def test_every_call_has_a_deadline_and_carries_the_token(fake, kind):
    server = fake(answer_all)
    encode(kind, server.address, numbers(3), client={"token": "secret", "deadline": 5})
    assert all(0 < deadline < 100 for deadline in server.deadlines) and server.deadlines
    assert [metadata["authorization"] for metadata in server.metadata] == ["Bearer secret"]


@both
def test_a_generator_of_any_length_is_read_only_as_far_ahead_as_the_bounds_allow(fake, kind):
    lock = threading.Lock()
    unanswered, most = 0, 0

    def counting(call, requests, context):
        nonlocal unanswered
        for request in requests:
            yield answer(request)
            with lock:
                unanswered -= 1

    read = taken = furthest = 0

    def source():
        nonlocal read, unanswered, most
        for image in numbers(500):
            read += 1
            with lock:
                unanswered += 1
                most = max(most, unanswered)
            yield image

    server = fake(counting)

    async def run():
        nonlocal taken, furthest
        async with AsyncClient(server.address) as client:
            async for _ in client.encode(source(), in_flight=4):
                taken += 1
                furthest = max(furthest, read - taken)

    if kind == "asyncio":
        asyncio.run(run())
    else:
        with Client(server.address) as client:
            for _ in client.encode(source(), in_flight=4):
                taken += 1
                furthest = max(furthest, read - taken)
    assert taken == 500
    # One more may have been read while there was no room for it (asyncio), and one taken is not counted yet.
    assert furthest <= 4 * 4 + 2 and 1 <= most <= 4 * 4 + 2


@both
def test_a_server_that_drains_while_images_are_in_flight_loses_and_repeats_nothing(fake, kind):
    def drains(call, requests, context):
        for count, request in enumerate(requests):
            if call < 3 and count == 7:
                end(context, UNAVAILABLE, "SERVER_DRAINING")
            yield answer(request)

    server = fake(drains)
    assert values(encode(kind, server.address, numbers(60), in_flight=8)) == list(range(60))
    assert server.calls == 4 and len(server.received) > 60


@both
def test_a_broken_connection_and_a_silent_close_are_made_good(fake, kind):
    def breaks(call, requests, context):
        for count, request in enumerate(requests):
            if call == 0 and count == 5:
                context.abort(UNAVAILABLE, "socket closed")
            if call == 1 and count == 5:
                return
            yield answer(request)

    server = fake(breaks)
    assert values(encode(kind, server.address, numbers(40))) == list(range(40))
    assert server.calls == 3


@both
def test_refused_images_come_back_after_the_pushback_for_as_long_as_others_are_answered(fake, kind):
    attempts = {}

    def refuses(call, requests, context):
        for request in requests:
            number = attempts[request.image.encoded] = attempts.get(request.image.encoded, 0) + 1
            # More often than max_attempts and the budget allow a single call.
            if number < 8:
                yield failure(request, EXHAUSTED, "QUEUE_FULL", pushback=0.002)
            else:
                yield answer(request)

    server = fake(refuses)
    retry = RetryOptions(max_attempts=2, budget=5, max_backoff=0.004, initial_backoff=0.001)
    results = encode(kind, server.address, numbers(30), in_flight=4, client={"retry": retry})
    assert values(results) == list(range(30)) and set(attempts.values()) == {8}


@both
def test_an_overload_that_does_not_pass_is_given_up(fake, kind):
    def refuses(call, requests, context):
        for request in requests:
            yield failure(request, EXHAUSTED, "QUEUE_FULL", pushback=0.01)

    server = fake(refuses)
    retry = RetryOptions(patience=0.2, max_backoff=0.02)
    with pytest.raises(RadioError) as caught:
        encode(kind, server.address, numbers(3), client={"retry": retry}, on_error="yield")
    assert caught.value.reason == "QUEUE_FULL" and len(server.received) > 5


@both
def test_only_what_may_succeed_is_sent_again(fake, kind):
    def denies(call, requests, context):
        end(context, DENIED, "CREDENTIAL_INVALID")
        yield

    def refuses_for_good(call, requests, context):
        end(context, EXHAUSTED, "QUEUE_FULL", pushback_ms=-1)
        yield

    for behaviour, reason in ((denies, "CREDENTIAL_INVALID"), (refuses_for_good, "QUEUE_FULL")):
        server = fake(behaviour)
        with pytest.raises(RadioError) as caught:
            encode(kind, server.address, numbers(3), on_error="yield")
        assert caught.value.reason == reason and server.calls == 1
        assert not isinstance(caught.value, ImageError)


@both
def test_an_images_own_failure_is_raised_in_its_place_or_yielded(fake, kind, tmp_path):
    def one_bad(call, requests, context):
        for request in requests:
            if request.image.encoded == b"3":
                yield failure(request, INVALID, "IMAGE_UNDECODABLE")
            else:
                yield answer(request)

    server = fake(one_bad)
    results = encode(kind, server.address, numbers(6), on_error="yield")
    assert [result.ok for result in results] == [True, True, True, False, True, True]
    assert results[3].error.reason == "IMAGE_UNDECODABLE" and results[3].error.index == 3
    with pytest.raises(ImageError, match="image 3: INVALID_ARGUMENT .IMAGE_UNDECODABLE."):
        results[3].summary()
    with pytest.raises(ImageError) as caught:
        encode(kind, server.address, numbers(6))
    assert caught.value.index == 3
    # A file that cannot be read is no different.
    (tmp_path / "0").write_bytes(b"0")
    files = [tmp_path / "0", tmp_path / "none.png", b"2"]
    results = encode(kind, server.address, files, on_error="yield")
    assert [result.ok for result in results] == [True, False, True]
    assert results[1].path == str(tmp_path / "none.png") and results[1].error.code == grpc.StatusCode.NOT_FOUND


@both
def test_an_exception_of_the_input_comes_after_the_results_of_what_it_gave(fake, kind):
    server = fake(answer_all)

    def source():
        yield from numbers(5)
        raise KeyError("broken input")

    results = []

    async def run():
        async with AsyncClient(server.address) as client:
            async for result in client.encode(source()):
                results.append(result)

    with pytest.raises(KeyError, match="broken input"):
        if kind == "asyncio":
            asyncio.run(run())
        else:
            with Client(server.address) as client:
                for result in client.encode(source()):
                    results.append(result)
    assert values(results) == list(range(5))


def stuck_at_two(fake, reply=answer):
    """A server that answers images until b"2" comes: from there on it waits for the end of the call."""

    def slow(call, requests, context):
        for request in requests:
            if request.image.encoded == b"2":
                server.cancelled.wait(20)
                return
            yield reply(request)

    server = fake(slow)
    return server


@both
def test_leaving_early_cancels_the_call(fake, kind):
    server = stuck_at_two(fake)

    async def run():
        async with AsyncClient(server.address) as client:
            async with contextlib.aclosing(client.encode(numbers(10))) as results:
                async for _ in results:
                    break
            assert await asyncio.to_thread(server.cancelled.wait, 20)

    if kind == "asyncio":
        asyncio.run(run())
    else:
        with Client(server.address) as client:
            for _ in client.encode(numbers(10)):
                break
            assert server.cancelled.wait(20)


def test_leaving_a_classification_early_cancels_the_call_too(fake, monkeypatch):
    def of_clip(request):
        response = answer(request)
        response.result.outputs[0].adaptor = "clip"
        return response

    server = stuck_at_two(fake, of_clip)
    classes = ClassEmbeddings(["one"], np.ones((1, 1), np.float32))
    # A reference, as a traceback may hold one: being collected is not what closes it.
    kept = []
    monkeypatch.setattr(AsyncClient, "_encode", lambda *a, _run=AsyncClient._encode: kept.append(_run(*a)) or kept[0])

    async def run():
        async with AsyncClient(server.address) as client:
            async with contextlib.aclosing(client.zero_shot(numbers(10), classes)) as results:
                async for _ in results:
                    break
            assert kept[0].ag_frame is None
            assert await asyncio.to_thread(server.cancelled.wait, 20)

    asyncio.run(run())


def test_cancelling_a_task_cancels_the_call(fake):
    arrived = threading.Event()

    def never(call, requests, context):
        for _ in requests:
            arrived.set()
        server.cancelled.wait(20)
        yield

    server = fake(never)

    async def run():
        async with AsyncClient(server.address) as client:

            async def collect():
                return [result async for result in client.encode(numbers(3))]

            task = asyncio.create_task(collect())
            assert await asyncio.to_thread(arrived.wait, 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.cancelled.wait, 20)

    asyncio.run(run())


def test_an_asynchronous_iterable_is_read_while_results_come(fake):
    server = fake(answer_all)

    async def run():
        answered = asyncio.Event()

        async def source():
            yield b"0"
            # Needs the first result, which must not wait for the second image.
            await asyncio.wait_for(answered.wait(), 20)
            yield b"1"

        async with AsyncClient(server.address) as client:
            results = []
            async for result in client.encode(source()):
                results.append(result)
                answered.set()
            return results

    assert values(asyncio.run(run())) == [0, 1]


@both
def test_a_list_of_servers_shares_the_work_and_survives_the_loss_of_one(fake, kind):
    def leaves(call, requests, context):
        for count, request in enumerate(requests):
            if count == 5:
                context.abort(UNAVAILABLE, "gone")
            yield answer(request)

    first, second = fake(answer_all), fake(leaves)
    servers = [first.address, second.address]
    assert values(encode(kind, servers, numbers(100), in_flight=8)) == list(range(100))
    assert len(first.received) > 20 and len(second.received) > 5
    second.stop()
    before = len(first.received)
    assert values(encode(kind, servers, numbers(50))) == list(range(50))
    assert len(first.received) - before == 50


@both
def test_round_robin_over_a_name_with_several_addresses(fake, kind):
    first, second = fake(answer_all), fake(answer_all)
    target = f"ipv4:{first.address},{second.address}"
    # gRPC spreads the calls over the addresses that it has connected to by then.
    for _ in range(20):
        assert values(encode(kind, target, numbers(8), client={"streams": 4})) == list(range(8))
        if first.received and second.received:
            return
    raise AssertionError("one server got everything")


@both
def test_a_wrong_address_shows_soon(kind):
    with pytest.raises(RadioError) as caught:
        encode(kind, "127.0.0.1:1", numbers(1))
    assert caught.value.code == UNAVAILABLE


@both
def test_a_server_that_never_answers_is_given_up_at_the_deadline(fake, kind):
    done = threading.Event()

    def silent(call, requests, context):
        done.wait(20)
        yield from ()

    server = fake(silent)
    with pytest.raises(RadioError) as caught:
        encode(kind, server.address, numbers(2), client={"deadline": 0.3})
    done.set()
    assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_single_calls_are_retried_within_their_attempts(fake):
    def fails_twice(call, requests, context):
        if call < 2:
            end(context, EXHAUSTED, "QUEUE_FULL", pushback_ms=5)
        yield from ()

    server = fake(fails_twice)
    with Client(server.address, retry=QUICK) as client:
        assert [model.name for model in client.models()] == ["fake"]
    assert server.calls == 3

    def always(call, requests, context):
        end(context, UNAVAILABLE, "MODEL_LOADING")
        yield from ()

    busy = fake(always)

    async def run():
        async with AsyncClient(busy.address, retry=QUICK) as client:
            await client.models()

    with pytest.raises(RadioError, match="MODEL_LOADING"):
        asyncio.run(run())
    assert busy.calls == QUICK.max_attempts


def test_the_bar_shows_on_request_and_is_silent_without_a_terminal(fake, capfd):
    server = fake(answer_all)
    encode("blocking", server.address, list(numbers(3)))
    assert capfd.readouterr().err == ""
    encode("blocking", server.address, list(numbers(3)), progress=True)
    assert "3/3" in capfd.readouterr().err


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"outputs": []}, "outputs"),
        ({"summary": False}, "summary, features"),
        ({"dtype": "int8"}, "dtype"),
        ({"layout": "HWC"}, "layout"),
        ({"resize": "exact=0x3"}, "resize"),
        ({"in_flight": 0}, "in_flight"),
        ({"on_error": "ignore"}, "on_error"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(wrong, message):
    with Client("127.0.0.1:1") as client, pytest.raises(ValueError, match=message):
        client.encode(b"0", **wrong)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"target": ""}, "target"),
        ({"target": []}, "target"),
        ({"deadline": 0}, "deadline"),
        ({"target": "example.org:1", "token": "t"}, "in the clear"),
        ({"target": ["localhost:1", "ipv4:192.0.2.1:1"], "token": "t"}, "in the clear to ipv4:192.0.2.1:1"),
        ({"target": "ipv4:127.0.0.1:1,192.0.2.1:1", "token": "t"}, "in the clear"),
        ({"target": "unix.example.org:1", "token": "t"}, "in the clear"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Client(**wrong)


@pytest.mark.parametrize("target", ["localhost:1", "dns:///localhost:1", "ipv4:127.0.0.1:1,127.0.0.1:2", "unix:/tmp/s"])
def test_a_token_may_go_to_this_machine_in_the_clear(target):
    Client(target, token="t").close()
