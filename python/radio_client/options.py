"""How a client reaches its servers and how patient it is. Names and rules are those of the C++ client's options.h."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

_SCHEMES = ("dns:", "unix:", "unix-abstract:", "ipv4:", "ipv6:", "xds:")
_LOCAL = ("localhost:", "127.0.0.1:", "[::1]:")


@dataclass(frozen=True)
class TlsOptions:
    """Files are PEM. Everything empty means TLS with the roots that gRPC brings."""

    ca_file: str = ""  # Roots that the server's certificate must chain to.
    certificate_file: str = ""  # Shown to the server (mutual TLS), together with key_file; both or neither.
    key_file: str = ""
    server_name: str = ""  # Expected in the server's certificate instead of the address's host.


@dataclass(frozen=True)
class RetryOptions:
    """What is retried: UNAVAILABLE, and RESOURCE_EXHAUSTED when the server said when to come back.

    `encode` gives up when no image has been answered during `patience` seconds of waiting, however many attempts that
    were; and after `max_attempts` failed connections in a row as long as no server has ever answered, so that a wrong
    address shows soon. Calls of one answer (`models`, `health`) get `max_attempts` within their deadline.
    """

    max_attempts: int = 5
    patience: float = 300.0  # Seconds.
    # Seconds before attempt n + 1: initial * 2^(n - 1), at most max, less a random part of it. A server's pushback
    # replaces it.
    initial_backoff: float = 0.1
    max_backoff: float = 5.0
    jitter: float = 0.3  # The part that is random, in [0, 1].
    # All calls of one client share `budget` retries, and each success returns `budget_per_success` of one. When it is
    # used up, `encode` retries no sooner than after max_backoff, other calls not at all.
    budget: float = 20.0
    budget_per_success: float = 0.1


@dataclass(frozen=True)
class ClientOptions:
    """Checked when made: ValueError names the option that breaks a rule."""

    servers: Sequence[str] = ("localhost:50051",)
    token: str = ""
    tls: TlsOptions | None = None
    deadline: float = 60.0
    retry: RetryOptions = field(default_factory=RetryOptions)
    streams: int = 0

    def __post_init__(self) -> None:
        _check(self.retry)
        if not self.servers or not all(self.servers):
            raise ValueError("target: must not be empty")
        if not 0 < self.deadline <= 86400:
            raise ValueError(f"deadline: must be above 0 and at most 86400 s, is {self.deadline}")
        if self.streams < 0:
            raise ValueError("streams: must not be negative")
        if self.tls is not None and bool(self.tls.certificate_file) != bool(self.tls.key_file):
            raise ValueError("tls: certificate_file and key_file go together")
        if any(not "!" <= letter <= "~" for letter in self.token):
            raise ValueError("token: holds a space, a line break or something else that is no printable ASCII")
        remote = [server for server in self.servers if not _is_this_machine(server)]
        if self.token and self.tls is None and remote:
            raise ValueError(f"token: would travel in the clear to {remote[0]}; use tls")

    @property
    def targets(self) -> list[str]:
        """gRPC targets, one channel each."""
        return [s if s.startswith(_SCHEMES) else f"dns:///{s}" for s in self.servers]

    @property
    def lanes(self) -> int:
        """Streams that one `encode` keeps open, spread over the channels."""
        return max(self.streams, len(self.servers))

    @property
    def metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.token}")] if self.token else []

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None for plaintext. ValueError when a file cannot be read."""
        if self.tls is None:
            return None
        return grpc.ssl_channel_credentials(
            _read_pem("tls.ca_file", self.tls.ca_file),
            _read_pem("tls.key_file", self.tls.key_file),
            _read_pem("tls.certificate_file", self.tls.certificate_file),
        )

    @property
    def channel_arguments(self) -> list[tuple[str, int | str]]:
        arguments: list[tuple[str, int | str]] = [
            # Each call to the next of the addresses that a name stands for.
            ("grpc.lb_policy_name", "round_robin"),
            # Dense features of a large image are tens of megabytes; the server's limits bound them.
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            # gRPC's own retries would repeat RESOURCE_EXHAUSTED without a pushback.
            ("grpc.enable_retries", 0),
            # A restarted server is found again within seconds.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 5000),
            ("grpc.dns_min_time_between_resolutions_ms", 5000),
            # A dead peer is noticed while a call waits for it.
            ("grpc.keepalive_time_ms", 30000),
            ("grpc.keepalive_timeout_ms", 20000),
        ]
        if self.tls is not None and self.tls.server_name:
            arguments.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return arguments


def make_options(
    target: str | Sequence[str],
    token: str,
    tls: TlsOptions | bool | None,
    deadline: float,
    retry: RetryOptions | None,
    streams: int,
) -> ClientOptions:
    """Options of a client from its arguments."""
    servers = (target,) if isinstance(target, str) else tuple(target)
    wanted = (TlsOptions() if tls else None) if isinstance(tls, bool) else tls
    return ClientOptions(servers, token, wanted, deadline, retry or RetryOptions(), streams)


def _check(retry: RetryOptions) -> None:
    if retry.max_attempts < 1:
        raise ValueError("retry.max_attempts: must be at least 1")
    for name in ("patience", "initial_backoff", "max_backoff", "budget", "budget_per_success"):
        # Written so that NaN fails.
        if not getattr(retry, name) >= 0:
            raise ValueError(f"retry.{name}: must not be negative, is {getattr(retry, name)}")
    if not 0 <= retry.jitter <= 1:
        raise ValueError(f"retry.jitter: must be in [0, 1], is {retry.jitter}")


def _is_this_machine(server: str) -> bool:
    """Whether every address that a target may mean is this machine: of a list, all of it."""
    if server.startswith(("unix:", "unix-abstract:")):
        return True
    for scheme in ("dns:///", "dns:", "ipv4:", "ipv6:"):
        if server.startswith(scheme):
            server = server[len(scheme) :]
            break
    return all(address.startswith(_LOCAL) for address in server.split(","))


def _read_pem(option: str, path: str) -> bytes | None:
    if not path:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{option}: cannot read {path}: {error.strerror}") from error
    if not content:
        raise ValueError(f"{option}: {path} is empty")
    return content
