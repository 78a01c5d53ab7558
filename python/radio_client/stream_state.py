"""The bookkeeping of one `encode`: which images wait, which are unanswered, over which stream, and what is done next.

It knows neither threads nor gRPC nor the time of day: a driver tells it what happened and when, and carries out the
commands of `advance`. Every image that was accepted comes out of `take` exactly once, or `failure` is set.

A *lane* is one of the streams kept open at the same time. Its *session* is the ExtractStream call that it sends on
now; earlier ones may still be answering. A lane's window bounds its unanswered images: it halves when a server pushes
back and falls to one when a connection is lost, and grows with every answer (as TCP's does), so an overloaded server
is asked for what it takes instead of refusing the rest again and again.
"""

import heapq
import math
from dataclasses import dataclass, field

import grpc

from radio_client.errors import RadioError, is_images_own_failure
from radio_client.proto import feature_service_pb2 as pb
from radio_client.retry import RetryPolicy

# Seconds. A call older than this takes no new images and ends when those it took are answered. The next one may reach
# a server that was added meanwhile, and servers cut off what outlives the grace they give to old connections.
MAX_CONNECTION_AGE = 60.0
# Images taken from the input and not yet handed out, in multiples of in_flight: with ordered results finished images
# wait for an earlier one.
WINDOW_FACTOR = 4


@dataclass(eq=False)
class Lane:
    number: int
    window: float
    # Below this the window doubles per round of answers, above it grows by one.
    threshold: float
    session: "Session | None" = None
    unanswered: int = 0
    failures: int = 0  # In a row.
    not_before: float = -math.inf


@dataclass(eq=False)
class Session:
    """One ExtractStream call."""

    lane: Lane
    opened: float
    last_event: float
    answers: int = 0
    items: set[int] = field(default_factory=set)


@dataclass(eq=False)
class Item:
    request: pb.ExtractStreamRequest
    losses: int = 0
    session: Session | None = None


@dataclass(frozen=True)
class Send:
    """Write `request`; a session not seen before is to be opened first."""

    session: Session
    request: pb.ExtractStreamRequest


@dataclass(frozen=True)
class HalfClose:
    session: Session


Command = Send | HalfClose


@dataclass(frozen=True)
class Outcome:
    index: int
    result: pb.ImageResult | RadioError


class StreamState:
    def __init__(self, policy: RetryPolicy, deadline: float, lanes: int, in_flight: int, ordered: bool):
        self.failure: RadioError | None = None  # What ended the run.
        self._policy = policy
        self._deadline = deadline
        self._ordered = ordered
        self._in_flight = in_flight
        self._lanes = [Lane(i, in_flight, in_flight) for i in range(lanes)]
        self._commands: list[Command] = []
        # Images. Each accepted one is in _items until it is answered, and in _to_send while it is in no session.
        self._accepted = 0
        self._taken = 0
        self._items: dict[int, Item] = {}
        self._to_send: list[int] = []
        self._finished: dict[int, pb.ImageResult | RadioError] = {}
        # How long nothing has been answered, counting only time spent in failed attempts and waiting for the next.
        self._answered_ever = False
        self._stalled = 0.0
        self._stalled_until = -math.inf

    # Images

    def has_room(self) -> bool:
        """Whether another image may be accepted."""
        held = self._accepted - self._taken
        return len(self._items) < self._in_flight and held < WINDOW_FACTOR * self._in_flight and self.failure is None

    def accept(self, request: pb.ExtractStreamRequest) -> int:
        """Takes the next image; its index. The request's id becomes the index."""
        index = self._accepted
        self._accepted += 1
        request.id = str(index)
        self._items[index] = Item(request)
        heapq.heappush(self._to_send, index)
        return index

    def reject(self, error: RadioError) -> int:
        """The next image failed before it could be sent."""
        self._accepted += 1
        self._finish(self._accepted - 1, error)
        return self._accepted - 1

    def take(self) -> Outcome | None:
        """The next outcome to hand out, if there is one: in input order, or in the order of the answers."""
        index = self._taken if self._ordered else next(iter(self._finished), -1)
        if index not in self._finished:
            return None
        self._taken += 1
        return Outcome(index, self._finished.pop(index))

    def ready(self) -> bool:
        return self._taken in self._finished if self._ordered else bool(self._finished)

    def idle(self) -> bool:
        """Whether all that was accepted has been handed out."""
        return self._taken == self._accepted

    # Events, in the order in which they happened; `now` in seconds of a clock that never goes back.

    def on_answer(
        self, session: Session, response: pb.ExtractStreamResponse, error: RadioError | None, now: float
    ) -> None:
        """error: the status of the response's result, None when it is OK."""
        session.last_event = max(session.last_event, now)
        index = int(response.id) if response.id.isdigit() else -1
        if index not in session.items:
            return
        lane = session.lane
        if error is not None and error.retryable:
            self._leave(index, session)
            heapq.heappush(self._to_send, index)
            self._on_refused(session, error, now)
            return
        self._leave(index, session)
        session.answers += 1
        lane.failures = 0
        self._answered_ever = True
        self._stalled = 0.0
        if error is None:
            self._policy.on_success()
            growth = 1.0 if lane.window < lane.threshold else 1 / lane.window
            lane.window = min(self._in_flight, lane.window + growth)
            self._finish(index, response.result)
        elif is_images_own_failure(error):
            self._finish(index, error)
        else:
            self._fail(error)

    def on_closed(self, session: Session, error: RadioError | None, now: float) -> None:
        """The call ended; error: its status, None when OK."""
        lane = session.lane
        if lane.session is session:
            lane.session = None
        if not session.items:
            return
        cause = error or RadioError(grpc.StatusCode.UNAVAILABLE, "the server closed the stream with images unanswered")
        lost = sorted(session.items)
        graceful = cause.reason == "SERVER_DRAINING"
        for index in lost:
            item = self._items[index]
            # A server that drains leaves unread what it does not answer, and one that never answered was not there.
            item.losses += not graceful and session.answers > 0
            self._leave(index, session)
            heapq.heappush(self._to_send, index)
        if not graceful and session.answers > 0:
            lane.threshold, lane.window = max(2.0, lane.window), 1.0
        silent_since = session.opened if session.answers == 0 else now
        delay = self._delay(lane, cause, silent_since, now)
        if delay is None or any(self._items[index].losses >= self._policy.options.max_attempts for index in lost):
            self._fail(cause)
        else:
            lane.not_before = max(lane.not_before, now + delay)

    def _on_refused(self, session: Session, error: RadioError, now: float) -> None:
        """A server refused one image for now."""
        lane = session.lane
        repeated = now < lane.not_before  # Images sent together are refused together.
        if error.code == grpc.StatusCode.UNAVAILABLE and lane.session is session:
            # Another call may reach another server.
            self._retire(lane)
        elif error.code == grpc.StatusCode.RESOURCE_EXHAUSTED and not repeated:
            lane.window = lane.threshold = max(1.0, lane.window / 2)
        if repeated and error.pushback is None:
            return
        delay = self._delay(lane, error, now, now)
        if delay is None:
            self._fail(error)
        else:
            lane.not_before = max(lane.not_before, now + delay)

    def _delay(self, lane: Lane, error: RadioError, since: float, now: float) -> float | None:
        """Seconds before `lane` sends again after a failure that began at `since`; None when it is final."""
        if not error.retryable:
            return None
        options = self._policy.options
        lane.failures += 1
        delay = error.pushback if error.pushback is not None else self._policy.backoff(lane.failures)
        if not self._policy.take():
            delay = max(delay, options.max_backoff)
        self._stalled += max(0.0, now + delay - max(since, self._stalled_until))
        self._stalled_until = max(self._stalled_until, now + delay)
        nobody_there = not self._answered_ever and not error.reason
        if nobody_there and all(lane.failures >= options.max_attempts for lane in self._lanes):
            return None
        return None if self._stalled > options.patience else delay

    # Time

    def advance(self, now: float) -> list[Command]:
        """What is to be done now, in this order."""
        for session in self._sessions_with_items():
            if now - session.last_event >= self._deadline and self.failure is None:
                message = f"no answer within {self._deadline:g} s"
                self._fail(RadioError(grpc.StatusCode.DEADLINE_EXCEEDED, message))
        for lane in self._lanes:
            if lane.session is not None and now - lane.session.opened > MAX_CONNECTION_AGE:
                self._retire(lane)
        while self._to_send and self.failure is None:
            free = [lane for lane in self._lanes if now >= lane.not_before and lane.unanswered < int(lane.window)]
            if not free:
                break
            self._send(min(free, key=lambda lane: (lane.unanswered, lane.failures)), heapq.heappop(self._to_send), now)
        commands, self._commands = self._commands, []
        return commands

    def next_time(self) -> float:
        """When `advance` has something to do although nothing happened; infinite when never."""
        times = [session.last_event + self._deadline for session in self._sessions_with_items()]
        if self._to_send:
            times += [lane.not_before for lane in self._lanes if lane.unanswered < max(1, int(lane.window))]
        return min(times, default=math.inf)

    def close(self) -> list[Command]:
        """Half-closes what is open, after the last image."""
        for lane in self._lanes:
            self._retire(lane)
        commands, self._commands = self._commands, []
        return commands

    def _send(self, lane: Lane, index: int, now: float) -> None:
        if lane.session is None:
            lane.session = Session(lane, now, now)
        session, item = lane.session, self._items[index]
        if not session.items:
            session.last_event = now
        item.session = session
        session.items.add(index)
        lane.unanswered += 1
        self._commands.append(Send(session, item.request))

    def _sessions_with_items(self) -> set[Session]:
        return {item.session for item in self._items.values() if item.session is not None}

    def _leave(self, index: int, session: Session) -> None:
        session.items.discard(index)
        session.lane.unanswered -= 1
        self._items[index].session = None

    def _retire(self, lane: Lane) -> None:
        if lane.session is not None:
            self._commands.append(HalfClose(lane.session))
            lane.session = None

    def _finish(self, index: int, result: pb.ImageResult | RadioError) -> None:
        self._items.pop(index, None)
        self._finished[index] = result

    def _fail(self, error: RadioError) -> None:
        self.failure = self.failure or error
