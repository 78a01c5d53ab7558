#!/usr/bin/env python3
"""Writes the dashboards beside this file; --check only says whether they are up to date.

Every panel names its unit, says in a sentence what it shows, reads the data source of the variable, and goes by job
and instance. Thresholds are the objectives of ../prometheus/rules.yaml.
"""

import argparse
import json
import sys
from pathlib import Path

from batching import batching
from overview import overview
from per_model import per_model

HERE = Path(__file__).resolve().parent


def files():
    """{path: text} of every dashboard."""
    return {
        HERE / f"{b.uid}.json": json.dumps(b.render(), indent=2) + "\n" for b in (overview(), batching(), per_model())
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    check = parser.parse_args().check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{path.name} {'is out of date' if check else 'written'}")
        if not check:
            path.write_text(files()[path])
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
