"""junit_count.py REPORT STATUS: prints "passed failed skipped" of a JUnit report.

A runner that failed without a failed test in its report (a crash, a time-out), or that ran no test at
all, counts as one failure."""

import sys
import xml.etree.ElementTree as xml


def count(report, status):
    passed = failed = skipped = 0
    try:
        cases = list(xml.parse(report).getroot().iter("testcase"))
    except (OSError, xml.ParseError):
        cases = []
    for case in cases:
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            failed += 1
        elif "skipped" in outcomes:
            skipped += 1
        else:
            passed += 1
    if (status != 0 or passed + skipped == 0) and failed == 0:
        failed = 1
    return passed, failed, skipped


if __name__ == "__main__":
    print(*count(sys.argv[1], int(sys.argv[2])))
