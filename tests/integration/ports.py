"""Ports for programs that must be told theirs."""

import socket


def free_port():
    """One that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
