#!/usr/bin/env python3
"""Photographs the server's page in a real Chromium while a real server works: status_page.png.

usage: tools/status_page_picture.py [--seconds N] [--out DIR]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / f"tests/{folder}") for folder in ("deploy", "integration", "testing")]
import live  # noqa: E402
from browser import Browser  # noqa: E402

RADIO = REPOSITORY / "bazel-bin/client/radio"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=45, help="of load before the picture (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs/images", help="folder (default: docs/images)")
    arguments = parser.parse_args()
    picture = arguments.out / "status_page.png"
    with tempfile.TemporaryDirectory() as folder, Browser(width=1100, height=820) as browser:
        server = live.start_server(Path(folder), extra="intra_op_threads: 1")
        browser.open(f"http://{server.metrics}/")
        browser.wait_for("document.documentElement.dataset.scrapes >= 5")
        command = [RADIO, "--server", server.grpc, "bench", "--sizes", "224x224,320x256,128x192", "--concurrency", "8"]
        load = subprocess.Popen([*command, "--duration", "3600"], stdout=subprocess.DEVNULL)
        browser.wait_for(f"document.documentElement.dataset.scrapes >= {arguments.seconds}", arguments.seconds * 3)
        browser.screenshot(picture)
        load.terminate()
        load.wait()
        assert browser.complaints() == [], browser.complaints()
        assert server.stop() == 0
    print(f"wrote {picture}")


if __name__ == "__main__":
    main()
