"""Decides whether a failed attempt is repeated, and when."""

import math
import random
import threading

from radio_client.errors import RadioError
from radio_client.options import RetryOptions


class RetryPolicy:
    """One per client: its calls share the budget. Thread-safe, never blocks."""

    def __init__(self, options: RetryOptions, random_part: random.Random | None = None):
        self.options = options
        self._lock = threading.Lock()
        self._budget = options.budget
        self._random = random_part or random.Random()

    def backoff(self, attempts: int) -> float:
        """Seconds before the attempt that follows `attempts` failed ones."""
        delay = min(self.options.initial_backoff * 2.0 ** min(attempts - 1, 60), self.options.max_backoff)
        with self._lock:
            return delay * (1 - self.options.jitter * self._random.random())

    def take(self) -> bool:
        """Takes one retry from the budget; False when none is left."""
        with self._lock:
            if self._budget < 1:
                return False
            self._budget -= 1
            return True

    def on_success(self) -> None:
        with self._lock:
            self._budget = min(self.options.budget, self._budget + self.options.budget_per_success)

    def next_delay(self, error: RadioError, attempts: int, time_left: float = math.inf) -> float | None:
        """Seconds before a single call's next attempt after `attempts` of them.

        None when the failure is final, be it for want of time.
        """
        if not error.retryable or attempts >= self.options.max_attempts:
            return None
        delay = error.pushback if error.pushback is not None else self.backoff(attempts)
        return delay if delay < time_left and self.take() else None
