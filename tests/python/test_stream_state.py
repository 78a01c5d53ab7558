"""The bookkeeping of `encode`, in simulated time."""

import random

import grpc
import pytest
from radio_client.errors import ImageError, RadioError
from radio_client.options import RetryOptions
from radio_client.proto import feature_service_pb2 as pb
from radio_client.retry import RetryPolicy
from radio_client.stream_state import MAX_CONNECTION_AGE, WINDOW_FACTOR, HalfClose, Send, StreamState

FULL = RadioError(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL", pushback=1.0)
GONE = RadioError(grpc.StatusCode.UNAVAILABLE, "connection refused")
DRAINING = RadioError(grpc.StatusCode.UNAVAILABLE, "draining", "SERVER_DRAINING")
BAD = ImageError(grpc.StatusCode.INVALID_ARGUMENT, "bad", "IMAGE_UNDECODABLE")


class World:
    """A StreamState, its clock, and the requests that servers have received and not answered."""

    def __init__(self, lanes=1, in_flight=4, ordered=True, deadline=60.0, **retry):
        self.policy = RetryPolicy(RetryOptions(**retry), random.Random(0))
        self.state = StreamState(self.policy, deadline, lanes, in_flight, ordered)
        self.now = 0.0
        self.sent = []
        self.half_closed = []
        self.out = []

    def feed(self, count):
        """Accepts up to `count` images; how many fitted."""
        for fed in range(count):
            if not self.state.has_room():
                return fed
            self.state.accept(pb.ExtractStreamRequest())
        return count

    def step(self, until=None):
        """Does what can be done now, or at time `until`."""
        self.now = self.now if until is None else until
        for command in self.state.advance(self.now):
            if isinstance(command, Send):
                self.sent.append((command.session, int(command.request.id)))
            elif isinstance(command, HalfClose):
                self.half_closed.append(command.session)
        while (outcome := self.state.take()) is not None:
            self.out.append(outcome.index)

    def answer(self, index, error=None):
        session = next(session for session, i in self.sent if i == index)
        self.sent.remove((session, index))
        response = pb.ExtractStreamResponse(id=str(index))
        self.state.on_answer(session, response, error, self.now)

    def close(self, session, error):
        self.sent = [(s, i) for s, i in self.sent if s is not session]
        self.state.on_closed(session, error, self.now)

    def indices(self):
        return [index for _, index in self.sent]


def test_results_come_in_input_order_whatever_the_order_of_answers():
    world = World()
    world.feed(4)
    world.step()
    for index in (2, 0, 3, 1):
        world.answer(index)
        world.step()
    assert world.out == [0, 1, 2, 3]
    unordered = World(ordered=False)
    unordered.feed(4)
    unordered.step()
    for index in (2, 0, 3, 1):
        unordered.answer(index)
        unordered.step()
    assert unordered.out == [2, 0, 3, 1]


def test_unanswered_and_held_images_are_bounded():
    world = World(in_flight=4)
    assert world.feed(100) == 4
    world.step()
    accepted = 4
    # The first image's answer is late: the others go on until four times as many are held.
    while True:
        late = [index for index in world.indices() if index != 0]
        if not late:
            break
        world.answer(late[0])
        accepted += world.feed(1)
        world.step()
    assert accepted == WINDOW_FACTOR * 4 and world.out == []
    world.answer(0)
    world.step()
    assert world.out == list(range(16))


def test_a_refused_image_is_sent_again_when_the_server_said():
    world = World()
    world.feed(1)
    world.step()
    world.answer(0, FULL)
    world.step(0.99)
    assert world.indices() == [] and world.state.next_time() == 1.0
    world.step(1.0)
    assert world.indices() == [0]


def test_a_refusal_halves_the_window_and_answers_widen_it():
    world = World(in_flight=8)
    world.feed(8)
    world.step()
    for index in range(8):
        world.answer(index, FULL)  # Together: one refusal, not eight.
    world.step(1.0)
    assert world.indices() == [0, 1, 2, 3]
    for index in range(4):  # One round.
        world.answer(index)
        world.feed(1)
        world.step()
    assert world.indices() == [4, 5, 6, 7]
    world.answer(4)
    world.step()
    assert world.indices() == [5, 6, 7, 8, 9]


def test_attempts_do_not_count_while_images_are_answered():
    world = World(in_flight=2, budget=3, budget_per_success=0, max_attempts=2, patience=30)
    refusals = 0
    for index in range(0, 100, 2):
        world.feed(2)
        world.step()
        for _ in range(5):  # Each 5 s, since the budget is soon used up: 25 s.
            for sent in world.indices():
                world.answer(sent, FULL)
                refusals += 1
            world.step(world.state.next_time())
        while len(world.out) < index + 2:
            world.answer(world.indices()[0])
            world.step()
        assert world.state.failure is None
    assert world.out == list(range(100)) and refusals > 250
    # Negative control: without an answer in between it gives up.
    world.feed(1)
    world.step()
    for _ in range(7):
        if world.indices():
            world.answer(world.indices()[0], FULL)
            world.step(world.state.next_time())
    assert world.state.failure is FULL


def test_a_wrong_address_is_given_up_soon_but_a_server_that_once_answered_is_waited_for():
    def refused(world):
        attempts = 0
        while world.state.failure is None:
            world.step(max(world.now, world.state.next_time()) if not world.sent else None)
            if not world.sent:
                continue
            world.close(world.sent[0][0], GONE)
            attempts += 1
        return attempts

    never = World(patience=300)
    never.feed(1)
    never.step()
    assert refused(never) == 5 and never.now < 3
    once = World(patience=300)
    once.feed(1)
    once.step()
    once.answer(0)
    once.feed(1)
    once.step()
    assert refused(once) > 50 and 290 < once.now < 310


def test_what_cannot_be_retried_ends_the_run_and_an_images_own_failure_does_not():
    world = World()
    world.feed(3)
    world.step()
    world.answer(0)
    world.answer(1, BAD)
    world.step()
    assert world.out == [0, 1] and world.state.failure is None
    denied = RadioError(grpc.StatusCode.PERMISSION_DENIED, "no", "CREDENTIAL_INVALID")
    world.answer(2, denied)
    world.step()
    assert world.state.failure is denied
    unpushed = World()
    unpushed.feed(1)
    unpushed.step()
    unpushed.answer(0, RadioError(grpc.StatusCode.RESOURCE_EXHAUSTED, "full"))
    assert unpushed.state.failure is not None


def test_a_draining_server_loses_and_repeats_nothing():
    world = World(in_flight=4)
    world.feed(4)
    world.step()
    first = world.sent[0][0]
    world.answer(1)
    world.close(first, DRAINING)
    # A late message of the old call changes nothing.
    world.state.on_answer(first, pb.ExtractStreamResponse(id="0"), None, world.now)
    world.step(world.state.next_time())
    assert world.indices() == [0, 2, 3] and world.sent[0][0] is not first
    for index in (3, 2, 0):
        world.answer(index)
    world.step()
    assert world.out == [0, 1, 2, 3]


def test_an_image_whose_connection_breaks_each_time_ends_the_run():
    world = World(in_flight=1, max_attempts=3)
    for lost in range(3):
        assert world.state.failure is None, lost
        world.feed(1)
        world.step(max(world.now, min(world.state.next_time(), 1e6)))
        session = world.sent[0][0]
        session.answers = 1  # It was a live connection.
        world.close(session, GONE)
    assert world.state.failure is GONE


def test_the_other_lane_takes_over_when_one_server_is_gone():
    world = World(lanes=2, in_flight=4)
    world.feed(4)
    world.step()
    assert sorted(session.lane.number for session, _ in world.sent) == [0, 0, 1, 1]
    gone = next(session for session, _ in world.sent if session.lane.number == 0)
    world.close(gone, GONE)
    world.step()
    assert {session.lane.number for session, _ in world.sent} == {1} and len(world.sent) == 4


def test_silence_is_bounded_by_the_deadline_and_answers_restart_it():
    world = World(deadline=10)
    world.feed(2)
    world.step()
    world.now = 9
    world.answer(0)
    world.step(18.9)
    assert world.state.failure is None
    world.step(19)
    assert world.state.failure is not None and world.state.failure.code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_an_old_call_takes_no_new_images():
    world = World()
    world.feed(1)
    world.step()
    old = world.sent[0][0]
    world.now = MAX_CONNECTION_AGE + 1
    world.state._deadline = 1e9
    world.feed(1)
    world.step()
    assert world.half_closed == [old] and world.sent[1][0] is not old
    world.answer(0)
    world.step()
    assert world.out == [0]


@pytest.mark.parametrize("seed", range(20))
def test_every_image_comes_out_once_and_in_order_whatever_fails(seed):
    chance = random.Random(seed)
    world = World(lanes=chance.choice([1, 3]), in_flight=chance.choice([1, 4, 16]), max_attempts=1000)
    fed = steps = 0
    while len(world.out) < 200:
        steps += 1
        assert steps < 100_000 and world.state.failure is None, (seed, world.state.failure)
        fed += world.feed(min(200 - fed, chance.randint(0, 3)))
        world.step()
        kind = chance.random()
        if not world.sent:
            if world.state.next_time() < 1e9:
                world.step(max(world.now, world.state.next_time()))
        elif kind < 0.8:
            world.answer(chance.choice(world.indices()), BAD if chance.random() < 0.05 else None)
        elif kind < 0.9:
            world.answer(chance.choice(world.indices()), FULL)
        else:
            world.close(chance.choice(world.sent)[0], chance.choice([GONE, DRAINING, None]))
    assert world.out == list(range(200)), seed
    assert fed == 200 and world.state.idle()
