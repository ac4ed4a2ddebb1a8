"""Limits of the service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Where the service listens, and its limits.

    Parameters
    ----------
    host : str
        The address; the default is reached from this machine alone.
    port : int
        The port; 0 is a free one.
    threads : int
        Requests that are read at the same time.
    most_bytes : int
        Bytes of the largest request.
    most_inputs : int
        Inputs of a request.
    seconds : float
        The time after which a request that was not answered is given up, and a silent connection closed.
    batch : int
        Inputs that are predicted together.
    wait : float
        Seconds that the first input of a batch waits for others.
    waiting : int
        Requests that may wait; more are refused.

    Examples
    --------
    >>> dl.serving.Settings(port=0).host
    '127.0.0.1'
    """

    host: str = "127.0.0.1"
    port: int = 8000
    threads: int = 8
    most_bytes: int = 2**24
    most_inputs: int = 1000
    seconds: float = 30.0
    batch: int = 64
    wait: float = 0.002
    waiting: int = 1000
