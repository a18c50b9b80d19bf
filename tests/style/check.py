#!/usr/bin/env python3
"""The rules of style that a script can check; docs and reviewers hold the others.

check.py [--root DIR] prints one line for each breach and exits 1 if there is one.
check.py --self-test proves that every rule fails on a tree that breaks it.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

# The folders in the order in which a request meets them: each includes only what stands before it.
ORDER = ["proxy/base", "plain", "proxy/io", "proxy/http", "proxy/chain", "proxy/upstream",
         "proxy/client", "proxy/discovery", "proxy/health", "proxy/registration", "filters",
         "proxy/downstream", "admin", "proxy/ctl", "proxy/inject", "proxy/app"]
# Plain structs that every folder after base may see, though their folders hold more.
PLAIN = re.compile(r"config/(model|policy|matcher)\w*\.[ch]pp$|metrics/(names|series)\w*\.[ch]pp$")
# Where the rest of those two folders stands: what it may see, and who may see it.
SEES = {"config": "plain", "metrics": "proxy/chain"}
SEEN_BY = {"config": {"proxy/discovery", "admin", "proxy/ctl", "proxy/inject", "proxy/app"},
           "metrics": {"proxy/discovery", "admin", "proxy/app"}}

OWNERS = [(re.compile(r"uv\.h|uv/|openssl/|ares"), "proxy/io"),
          (re.compile(r"llhttp|nghttp2/"), "proxy/http"),
          (re.compile(r"yaml-cpp/"), "config"),
          (re.compile(r"prometheus/"), "metrics")]
SLOW_TO_COMPILE = re.compile(r"(nlohmann|CLI|yaml-cpp|prometheus)/")

COLUMNS = 100
LINES = 420
HEADER_OPENING = range(2, 9)

READS_CLOCK = re.compile(r"\b(steady|system|high_resolution)_clock::now\b")
CLOCK_OWNERS = {"proxy/io", "proxy/app", "bench"}
SLEEPS = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
DELETES = re.compile(r"(?<!operator )\bdelete\b(?!\s*;)|\bdelete\s*\[")
MAY_DELETE = re.compile(r"(uv_handle|pool|arena|slab|chunk|reaper|endpoint_view)\w*\.[ch]pp$")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
TEST = re.compile(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)")
NAMES_TESTS = "docs/abuse.md"
TEST_NAME = re.compile(r"`([A-Z]\w+\.[A-Z]\w+)`")
CPP = {".cpp", ".hpp"}
CODE = CPP | {".py", ".cmake", ".sh"}


def folder_of(path):
    """The folder in the rules' sense: two parts under proxy/, else the first."""
    if PLAIN.search(path):
        return "plain"
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "proxy" else parts[0]


def may_include(source, target):
    here, there = folder_of(source), folder_of(target)
    if here == there:
        return True
    if there in SEEN_BY:
        return here in SEEN_BY[there]
    if here in SEES:
        return ORDER.index(there) <= ORDER.index(SEES[here])
    return ORDER.index(there) < ORDER.index(here)


def without_comments_and_strings(text):
    """Same lines, but only code left in them."""
    pattern = re.compile(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
                         r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)
    return pattern.sub(lambda match: "\n" * match.group().count("\n"), text)


def matches(pattern, text):
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match


def check_includes(path, text):
    known = set(ORDER) | set(SEES)
    here = folder_of(path)
    home = "/".join(path.split("/")[:2]) if path.startswith("proxy/") else path.split("/")[0]
    for line, match in matches(INCLUDE, text):
        name = match.group(1)
        if path.endswith(".hpp") and SLOW_TO_COMPILE.match(name):
            yield line, f"{name} belongs in .cpp files only: it is slow to compile"
        if here not in known:
            continue
        if folder_of(name) in known and not may_include(path, name):
            yield line, f"{here} must not include {name}: see the order of the folders"
        for pattern, owner in OWNERS:
            if pattern.match(name) and home != owner:
                yield line, f"only {owner} sees {name}"


def check_words(path, text):
    code = without_comments_and_strings(text)
    if folder_of(path) not in CLOCK_OWNERS:
        for line, match in matches(READS_CLOCK, code):
            yield line, f"{match.group()}: time is an input (Clock)"
    for line, _ in matches(re.compile(r"\bs?rand\s*\("), code):
        yield line, "rand: chance is an input (Random)"
    if path.startswith("tests/"):
        for line, _ in matches(SLEEPS, code):
            yield line, "a test that sleeps"
    for line, _ in matches(re.compile(r"\bshared_from_this\b"), code):
        yield line, "shared_from_this: objects form a tree with one owner"
    if not MAY_DELETE.search(path):
        for line, match in matches(DELETES, code):
            before = code[:match.start()].rstrip()
            if not before.endswith("="):
                yield line, "delete outside the pools and uv_handle"


def check_header(path, text):
    if not path.endswith(".hpp"):
        return
    if not re.search(r"^#pragma once$", text, re.M):
        yield 1, "no #pragma once"
    body = re.sub(r"\A(#pragma once)?\s*", "", text)
    opening = re.match(r"(?://[^\n]*\n)*", body).group().count("\n")
    if opening not in HEADER_OPENING:
        yield 1, (f"the header opens with {opening} lines of comment; "
                  "2-8 say what it is, who owns it, which thread")


def check_size(path, text):
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns; {COLUMNS} are allowed"
    if len(lines) - 1 > LINES:
        yield LINES, f"{len(lines) - 1} lines; a file has at most {LINES}"


def anchors(text):
    for heading in re.findall(r"^#+\s+(.*)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check_links(root, path, text):
    prose = re.sub(r"```.*?```|`[^`\n]*`", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    for line, match in matches(LINK, prose):
        link = match.group(1) or match.group(2)
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (root / path).parent / name if name else root / path
        if not target.exists():
            yield line, f"dead link: {link}"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield line, f"dead link: no heading for #{anchor}"


def tests_of(root):
    """Suite.Name of every test under `root`."""
    names = set()
    for path in (root / "tests").rglob("*_test.cpp"):
        for match in TEST.finditer(path.read_text(encoding="utf-8")):
            names.add(f"{match.group(1)}.{match.group(2)}")
    return names


def check_test_names(root, text):
    known = tests_of(root)
    for line, match in matches(TEST_NAME, text):
        if match.group(1) not in known:
            yield line, f"no such test: {match.group(1)}"


def check_file(root, path):
    suffix = pathlib.PurePath(path).suffix
    is_code = suffix in CODE or path in ("dev", ".ci/run", "bench/run") \
        or path.endswith("CMakeLists.txt")
    if not is_code and suffix != ".md":
        return
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    for line, _ in matches(UNFINISHED, text):
        yield line, "unfinished work belongs in the tracker, not in the tree"
    if is_code:
        yield from check_size(path, text)
    if suffix == ".md":
        yield from check_links(root, path, text)
    if path == NAMES_TESTS:
        yield from check_test_names(root, text)
    if suffix in CPP:
        yield from check_includes(path, text)
        yield from check_words(path, text)
        yield from check_header(path, text)


def files_of(root):
    if (root / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=root,
                                check=True, capture_output=True, text=True).stdout
        names = [name for name in listed.split("\0") if name]
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
    return sorted(name for name in names if (root / name).is_file())


def check_tree(root):
    return [(path, line, what) for path in files_of(root) for line, what in check_file(root, path)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        sys.path.insert(0, str(pathlib.Path(__file__).parent))
        import self_test
        return self_test.run(check_tree, tempfile.TemporaryDirectory)
    found = check_tree(arguments.root)
    for path, line, what in found:
        print(f"{path}:{line}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
