#!/usr/bin/env python3
"""clang-tidy over the project's sources, two at a time. A file that passed is remembered by the
content of everything it depends on in the tree, outside the tree, and costs nothing again.

tidy.py --build DIR [--changed]   DIR holds compile_commands.json; --changed looks only at sources
                                  that differ from the main branch (or from the last commit).
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)


@functools.lru_cache(maxsize=None)
def includes_of(path):
    content = path.read_bytes()
    names = (ROOT / name.decode() for name in INCLUDE.findall(content))
    return content, [name for name in names if name.is_file()]


def reached_from(source):
    seen, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += includes_of(path)[1]
    return sorted(seen)


def key_of(source, command, salt):
    digest = hashlib.sha256(salt)
    # The place of the clone does not matter to the result.
    digest.update(command.replace(str(ROOT), "").encode())
    for path in reached_from(source):
        digest.update(str(path.relative_to(ROOT)).encode() + includes_of(path)[0])
    return digest.hexdigest()


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def changed_files():
    base = git("merge-base", "origin/main", "HEAD")
    if not base or base == git("rev-parse", "HEAD"):
        base = git("rev-parse", "HEAD~1")
    names = git("diff", "--name-only", base) if base else git("ls-files")
    names += "\n" + git("ls-files", "--others", "--exclude-standard")
    return {ROOT / name for name in names.split("\n") if name}


def tidy(build, source):
    done = subprocess.run(["clang-tidy", "-p", str(build), "--quiet", str(source)], cwd=ROOT,
                          capture_output=True, text=True)
    return source, done.returncode, done.stdout + (done.stderr if done.returncode else "")


def findings_in(output):
    """One text for each finding; without any, the whole output (clang-tidy itself failed)."""
    parts = re.split(r"^(?=\S+:\d+:\d+: (?:error|warning):)", output.replace(f"{ROOT}/", ""),
                     flags=re.M)
    parts = [re.sub(r"^\d+ warnings.*generated\.\n", "", part, flags=re.M) for part in parts]
    return [part for part in parts if part.strip()]


def print_new(findings, said):
    """A finding in a header comes up in each source that includes it; once is enough."""
    for finding in findings:
        if finding not in said:
            said.add(finding)
            print(finding, end="", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--changed", action="store_true")
    arguments = parser.parse_args()

    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_bytes()
    commands = json.loads((arguments.build / "compile_commands.json").read_text())
    sources = {pathlib.Path(entry["file"]): entry["command"] for entry in commands
               if entry["file"].endswith(".cpp")
               and pathlib.Path(entry["file"]).is_relative_to(ROOT)
               and not pathlib.Path(entry["file"]).is_relative_to(ROOT / "build")}
    if arguments.changed:
        changed = changed_files()
        sources = {path: command for path, command in sources.items()
                   if changed.intersection(reached_from(path))}

    store = CACHE / "outrigger" / "tidy"
    store.mkdir(parents=True, exist_ok=True)
    keys = {path: store / key_of(path, command, salt) for path, command in sources.items()}
    todo = [path for path, key in keys.items() if not key.exists()]
    failed, said = 0, set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for source, status, output in pool.map(functools.partial(tidy, arguments.build), todo):
            if status == 0:
                keys[source].touch()
            else:
                failed += 1
                print_new(findings_in(output), said)
    print(f"clang-tidy: {len(sources)} sources, {len(todo)} looked at, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
