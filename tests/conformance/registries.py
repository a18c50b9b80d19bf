"""Real registries, and fakes of them, under 500 calls a second: `./dev conformance registries` and
`./dev conformance fakes`.

For each registry the same story (registry_story.py), with what only its kind does
(registry_chapters.py). Each is told in namespaces of its own, whose loopback has the addresses
10.9.0.0/16: EndpointSlices may not hold those of 127.0.0.0/8, name servers are at port 53, and
nothing disturbs what runs beside it.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

import registry_builds
import registry_chapters
import tools
from tools import Case

LIMIT_S = 600
running = []
BUILDS = {"Consul": registry_builds.consul, "Eureka": registry_builds.eureka,
          "kube-apiserver": registry_builds.kube_apiserver}


def setup(_scratch):
    """Builds all that can be built."""
    cases = []
    for name, build in BUILDS.items():
        try:
            build()
            cases.append(Case(name))
        except tools.Missing as missing:
            cases.append(Case(name, str(missing)))
    return cases


def namespaces(scratch):
    """The command that runs another in them."""
    # With the story ends all that it started.
    unshare = [tools.debian_tool("unshare", "util-linux"), "--net", "--mount", "--pid", "--fork",
               "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        unshare.append("--map-root-user")
    tools.debian_tool("ip", "iproute2")
    (scratch / "resolv.conf").write_text("search test\nnameserver 127.0.0.9\n"
                                         "nameserver 127.0.0.1\noptions timeout:1\n")
    prepare = (f"ip link set lo up && ip address add 10.9.0.1/16 dev lo && "
               "for i in 11 12 13; do ip address add fd09::$i dev lo nodad; done && "
               f"mount --bind {scratch / 'resolv.conf'} /etc/resolv.conf")
    tried = subprocess.run([*unshare, "sh", "-c", prepare], capture_output=True, text=True,
                           check=False)
    if tried.returncode != 0:
        raise tools.Missing(f"namespaces are not permitted here: {tried.stderr.strip()}")
    return [*unshare, "sh", "-c", prepare + ' && exec "$@"', "sh"]


def end_all():
    for process in running:
        process.kill()


def told(name, builds):
    """That story in namespaces of its own."""
    def tell(scratch):
        for build in builds:
            BUILDS[build]()
        folder = scratch / re.sub(r"\W+", "-", name)
        folder.mkdir()
        process = subprocess.Popen([*namespaces(folder), sys.executable, __file__, name, folder],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        running.append(process)
        try:
            out, err = process.communicate(timeout=LIMIT_S)
            said = json.loads(out)
        except subprocess.TimeoutExpired:
            raise tools.Broken(f"it took longer than {LIMIT_S} s") from None
        except ValueError:
            raise tools.Broken((err.strip().splitlines() or ["it said nothing"])[-1]) from None
        finally:
            process.kill()
            process.wait()
        if "missing" in said:
            raise tools.Missing(said["missing"])
        return [Case(*case) for case in said["cases"]]
    return tell


def real_suites():
    return [(name, told(name, story.builds))
            for name, story in registry_chapters.STORIES.items() if not story.is_fake]


def fake_suites():
    return [(name, told(name, ()))
            for name, story in registry_chapters.STORIES.items() if story.is_fake]


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    tools.installs = False
    try:
        said = {"cases": registry_chapters.tell(name, folder)}
    except tools.Missing as missing:
        said = {"missing": str(missing)}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
