"""Prints "N passed, N failed[, N skipped]" over all cases of a run of tools/test.sh; exits 0 only when none failed.

usage: summarize_tests.py BAZEL_STATUS PYTEST_STATUS RESULTS_DIR
"""

import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree as ET


def bazel_reports(events):
    """(test.xml paths, number of targets without one) of a build event file; those failed to build, crashed or hung."""
    reports, without = [], 0
    for line in events.read_text().splitlines():
        event = json.loads(line)
        if "testResult" in event:
            outputs = event["testResult"].get("testActionOutput", [])
            paths = [pathlib.Path(urllib.parse.urlparse(o["uri"]).path) for o in outputs if o["name"] == "test.xml"]
            reports += paths
            without += not paths
        elif "testSummary" in event:
            without += event["testSummary"]["overallStatus"] == "FAILED_TO_BUILD"
    return reports, without


def count(report):
    """[passed, failed, skipped] of one JUnit file."""
    counts = [0, 0, 0]
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts[1] += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            counts[2] += 1
        else:
            counts[0] += 1
    return counts


def main():
    bazel_status, pytest_status, results = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    events = results / "events.json"
    reports, failed = bazel_reports(events) if events.exists() else ([], 1)
    reports += results.glob("*.xml")
    passed = skipped = 0
    for report in reports:
        p, f, s = count(report)
        passed, failed, skipped = passed + p, failed + f, skipped + s
    # A runner that failed without a failed case (a broken build, a collection error) is a failure too.
    if (bazel_status or pytest_status) and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
