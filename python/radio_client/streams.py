"""Carries out what a StreamState decides, over gRPC."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import grpc

from radio_client.encoding import Encoding
from radio_client.errors import RadioError, from_call
from radio_client.proto import feature_service_pb2 as pb
from radio_client.stream_state import HalfClose, Session


class Event(NamedTuple):
    """An answer on a stream, or its end (no response) with its error, None when OK."""

    session: Session
    response: pb.ExtractStreamResponse | None
    error: RadioError | None
    when: float  # time.monotonic().


class Streams:
    """The calls of one `encode`.

    Each has a thread that reads its answers and hands them to `post`, which must not block; they are bounded by the
    images in flight. Everything else happens in the one thread that calls the methods, none of which blocks.
    """

    def __init__(
        self,
        stubs: Sequence[Any],
        metadata: Sequence[tuple[str, str]],
        encoding: Encoding,
        post: Callable[[Event], object],
    ):
        self._stubs = stubs
        self._metadata = metadata
        self._encoding = encoding
        self._post = post
        self._calls: dict[Session, tuple[Any, queue.SimpleQueue[pb.ExtractStreamRequest | None]]] = {}

    def handle(self, event: Event) -> None:
        if event.response is not None:
            self._encoding.on_answer(event.session, event.response, event.when)
            return
        if event.session in self._calls:
            # Lets gRPC's thread go that waits for the next request.
            self._calls.pop(event.session)[1].put(None)
        self._encoding.state.on_closed(event.session, event.error, event.when)

    def advance(self) -> None:
        """Does what can be done now."""
        for command in self._encoding.state.advance(time.monotonic()):
            if isinstance(command, HalfClose):
                self._half_close(command.session)
                continue
            if command.session not in self._calls:
                self._open(command.session)
            self._calls[command.session][1].put(command.request)

    def due(self) -> float | None:
        """Seconds until `advance` has something to do although nothing happened; None when never."""
        seconds = self._encoding.state.next_time() - time.monotonic()
        return max(0.0, seconds) if seconds < threading.TIMEOUT_MAX else None

    def finish(self) -> None:
        """Ends the calls, all images being answered, without waiting for the servers."""
        for command in self._encoding.state.close():
            self._half_close(command.session)
        self._calls.clear()

    def cancel(self) -> None:
        for call, requests in self._calls.values():
            call.cancel()
            requests.put(None)
        self._calls.clear()

    def _half_close(self, session: Session) -> None:
        if session in self._calls:
            self._calls[session][1].put(None)

    def _open(self, session: Session) -> None:
        requests: queue.SimpleQueue[pb.ExtractStreamRequest | None] = queue.SimpleQueue()
        stub = self._stubs[session.lane.number % len(self._stubs)]
        timeout = self._encoding.call_timeout
        call = stub.ExtractStream(iter(requests.get, None), timeout=timeout, metadata=self._metadata)
        self._calls[session] = (call, requests)
        threading.Thread(target=self._read, args=(session, call), name="radio-client", daemon=True).start()

    def _read(self, session: Session, call: Any) -> None:
        error = None
        try:
            for response in call:
                self._post(Event(session, response, None, time.monotonic()))
        except grpc.RpcError as failed:
            error = from_call(failed)
        self._post(Event(session, None, error, time.monotonic()))
