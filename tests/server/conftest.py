"""Where the tests of the server's page find their helpers."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "load"), str(TESTS / "testing")]
