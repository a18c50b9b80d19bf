#!/usr/bin/env python3
"""Prints gcovr's JSON as line coverage by folder: coverage.py FILE."""
import collections
import json
import pathlib
import sys


def main():
    lines = collections.defaultdict(lambda: [0, 0])
    for file in json.loads(pathlib.Path(sys.argv[1]).read_text())["files"]:
        counted = [line for line in file["lines"] if not line.get("gcovr/noncode")]
        for folder in (str(pathlib.PurePath(file["file"]).parent), "in all"):
            lines[folder][0] += sum(line["count"] > 0 for line in counted)
            lines[folder][1] += len(counted)
    total = lines.pop("in all", [0, 0])
    for folder, (run, all_lines) in [*sorted(lines.items()), ("in all", total)]:
        share = 100 * run / all_lines if all_lines else 100
        print(f"{folder:24} {run:6} of {all_lines:6} lines  {share:5.1f} %")


if __name__ == "__main__":
    main()
