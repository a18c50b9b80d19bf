"""Proof that check.py fails where it should: one small tree for each rule, and one clean tree."""
import pathlib

HEADER = "// What it is.\n// Who owns it.\n#pragma once\n"

CLEAN = {
    "proxy/base/clock.hpp": HEADER + "struct Clock { Clock(const Clock&) = delete; };\n",
    "config/model.hpp": HEADER + '#include "proxy/base/clock.hpp"\n',
    "metrics/series.hpp": HEADER + '#include "proxy/base/clock.hpp"\n',
    "proxy/chain/route.cpp": '#include "metrics/series.hpp"\n',
    "config/reader.cpp": '#include <yaml-cpp/yaml.h>\n#include "config/model.hpp"\n',
    "proxy/io/loop.cpp": '#include <uv.h>\n#include "config/model.hpp"\n'
                         "auto now() { return std::chrono::steady_clock::now(); }\n",
    "proxy/http/h1.cpp": '#include <llhttp.h>\n#include "proxy/io/loop.hpp"\n',
    "proxy/app/main.cpp": '#include <CLI/CLI.hpp>\n#include "admin/api.hpp"\n'
                          '#include "config/reader.hpp"\n',
    "proxy/base/chunk_pool.cpp": "void give(char* bytes) { delete[] bytes; }\n",
    "tests/unit/a_test.cpp": "// No sleep(1) here; 'it''s' 1'000 rand().\n"
                             'const char* text = "rand() delete x";\n',
    "docs/a.md": "# A title\n[here](#a-title) [there](b.md#b) [far](https://example.com)\n",
    "docs/b.md": "# B\n`[code](not-a-link.md)`\n",
    "docs/abuse.md": "# A\n`Suite.Holds`\n",
    "tests/unit/b_test.cpp": "TEST_F(Suite,\n       Holds) {}\n",
}

BROKEN = {
    "a folder includes a later one":
        ("proxy/http/h1.cpp", '#include "proxy/upstream/pool.hpp"\n'),
    "base includes the model": ("proxy/base/a.cpp", '#include "config/model.hpp"\n'),
    "the data path includes the reader":
        ("proxy/upstream/a.cpp", '#include "config/reader.hpp"\n'),
    "config includes the data path": ("config/reader.cpp", '#include "proxy/io/loop.hpp"\n'),
    "a filter includes the exporter": ("filters/a.cpp", '#include "metrics/exporter.hpp"\n'),
    "libuv outside io": ("proxy/base/a.cpp", "#include <uv.h>\n"),
    "c-ares outside io": ("proxy/discovery/a.cpp", "#include <ares.h>\n"),
    "OpenSSL outside io": ("proxy/http/a.cpp", "#include <openssl/ssl.h>\n"),
    "llhttp outside http": ("proxy/downstream/a.cpp", "#include <llhttp.h>\n"),
    "nghttp2 outside http": ("proxy/upstream/a.cpp", "#include <nghttp2/nghttp2.h>\n"),
    "yaml-cpp outside config": ("filters/a.cpp", "#include <yaml-cpp/yaml.h>\n"),
    "prometheus outside metrics": ("admin/a.cpp", "#include <prometheus/counter.h>\n"),
    "a slow header in a header": ("tests/support/a.hpp", HEADER + "#include <nlohmann/json.hpp>\n"),
    "a long line": ("filters/a.cpp", "//" + " x" * 60 + "\n"),
    "a long file": ("filters/a.cpp", "//\n" * 421),
    "a header without an opening": ("filters/a.hpp", "#pragma once\nint x;\n"),
    "a header whose opening is an essay": ("filters/a.hpp", "//\n" * 9 + "#pragma once\n"),
    "a header without pragma once": ("filters/a.hpp", "// What.\n// Who.\nint x;\n"),
    "a clock read outside io": ("filters/a.cpp", "auto t = std::chrono::steady_clock::now();\n"),
    "rand": ("filters/a.cpp", "int x = rand();\n"),
    "a sleeping test":
        ("tests/unit/a_test.cpp", "void f() { std::this_thread::sleep_for(ms); }\n"),
    "shared_from_this": ("filters/a.cpp", "auto me = shared_from_this();\n"),
    "a naked delete": ("filters/a.cpp", "void f(int* x) { delete x; }\n"),
    "unfinished work": ("filters/a.cpp", "// TO" "DO: later\n"),
    "a test that is named and not there": ("docs/abuse.md", "`Suite.Breaks`\n"),
    "a dead link": ("docs/a.md", "[gone](gone.md)\n"),
    "a dead anchor": ("docs/a.md", "# Title\n[gone](#gone)\n"),
}


def found_in(check_tree, temporary, files):
    with temporary() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return check_tree(root)


def run(check_tree, temporary):
    wrong = [f"the clean tree: {line}" for line in found_in(check_tree, temporary, CLEAN)]
    for rule, (name, text) in BROKEN.items():
        found = found_in(check_tree, temporary, {name: text})
        if len(found) != 1:
            wrong.append(f"{rule}: expected one finding, got {found}")
    print("\n".join(wrong) or f"all {len(BROKEN)} rules fail where they should")
    return 1 if wrong else 0
