#!/usr/bin/env python3
"""Counts what a stage of `./dev test` ran: count.py DIR STATUS prints "passed failed skipped".

DIR holds the reports of ctest (ctest*.xml; tests/conformance writes such too) and GoogleTest
(gtest/PROGRAM.xml). Cases count singly; a program that crashed left no report and counts as one
failure, as does a stage that failed before or beside its tests. A stage without tests is itself the
one thing that passed or failed.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def cases_of(report):
    total = xml.parse(report).getroot().attrib
    failed = int(total["failures"]) + int(total["errors"])
    skipped = sum(int(suite.get("skipped", 0)) for suite in xml.parse(report).getroot())
    passed = int(total["tests"]) - int(total["disabled"]) - failed - skipped
    return [passed, failed, skipped]


def count(folder, stage_failed):
    sums = [0, 0, 0]
    for report in folder.glob("ctest*.xml"):
        for test in xml.parse(report).getroot().iter("testcase"):
            did_fail = test.get("status") == "fail"
            cases = folder / "gtest" / (test.get("name") + ".xml")
            found = cases_of(cases) if cases.exists() else [0, 0, 0]
            if did_fail and found[1] == 0:
                found[1] = 1
            elif not any(found):
                found[2 if test.get("status") == "notrun" else 0] = 1
            sums = [a + b for a, b in zip(sums, found)]
    if stage_failed and sums[1] == 0:
        sums[1] = 1
    if not any(sums):
        sums[0] = 1
    return sums


if __name__ == "__main__":
    print(*count(pathlib.Path(sys.argv[1]), sys.argv[2] != "0"))
