"""Floods of HTTP/2, held against the release binary: `./dev conformance floods`.

Each comes over one connection in clear text, as fast as it goes or at a given rate, from a peer
that reads what it gets. The connection must end within 2,000 wasted frames and 4 MiB of them, the
process may not grow by more than 4 MiB meanwhile, and a call on another connection must be answered
behind it. A flood at a rate that the bounds allow may go on, at a tenth of a core at most.
"""
import contextlib
import os
import re
import socket
import struct
import threading
import time
import urllib.request

import tools
from tools import Case

WASTE_MAX = 2000
WASTE_MAX_KB = GROWTH_MAX_KB = 4096
AT_ONCE = 20  # units go out, and then it waits until they have been read
LOOK_S = 0.001
READ_LIMIT_S = 5
SLOW_S = 8
CORE_MAX = 0.1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0, 1, 2, 3, 4, 6, 7, 8, 9)
END_STREAM, END_HEADERS, PADDED = 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NEWEST = b"\xbe"  # the newest entry of the dynamic table, by its index


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, prefix_bits, first=0):
    """RFC 7541 section 5.1"""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    return bytes([*out, value])


def string(text):
    return integer(len(text), 7) + text


def indexed(name, value):
    """A field that enters the dynamic table."""
    return b"\x40" + string(name) + string(value)


def head(path=b"/", method=b"GET", more=b""):
    """Pseudo fields by static index or as literals that are not indexed."""
    return (b"\x86" + b"\x02" + string(method) + b"\x04" + string(path) + b"\x01"
            + string(b"localhost") + more)


class Peer:
    """One connection; `units` are bytes that go out together, of one wasted frame or more."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = -1
        self.over = False
        self.said = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(OSError):
            while piece := self.socket.recv(1 << 16):
                self.said = (self.said + piece)[-4096:]
        self.over = True

    def next_stream(self):
        self.stream += 2
        return self.stream

    def await_reading(self):
        """Until nothing that we sent waits in the kernel: it would count as waste otherwise."""
        here = "%08X:%04X" % (0x0100007F, self.socket.getsockname()[1])
        ends = time.monotonic() + READ_LIMIT_S
        while not self.over and time.monotonic() < ends:
            time.sleep(LOOK_S)
            with open("/proc/net/tcp", encoding="ascii") as table:
                row = next((row for row in map(str.split, table) if row[2] == here), None)
            if row is None or row[4].endswith(":00000000"):
                return

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.over = True


# --- Floods: each yields (bytes, wasted frames) ---------------------------------------------------

def rapid_reset(peer):
    while True:
        stream = peer.next_stream()
        yield (frame(HEADERS, END_STREAM | END_HEADERS, stream, head(b"/never"))
               + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))), 2


def made_you_reset(fault):
    """`fault(stream)` on a stream that waits for its answer."""
    def flood(peer):
        while True:
            stream = peer.next_stream()
            yield (frame(HEADERS, END_HEADERS, stream, head(b"/never", b"POST"))
                   + fault(stream)), 2
    return flood


MADE_YOU_RESET = {
    "WINDOW_UPDATE of 0": lambda stream: frame(WINDOW_UPDATE, 0, stream, bytes(4)),
    "WINDOW_UPDATE beyond 2^31": lambda stream: frame(WINDOW_UPDATE, 0, stream,
                                                      struct.pack(">I", 0x7FFFFFFF)),
    "PRIORITY of 4 bytes": lambda stream: frame(PRIORITY, 0, stream, bytes(4)),
    "a stream that depends on itself": lambda stream: frame(
        PRIORITY, 0, stream, struct.pack(">IB", stream, 0)),
    "DATA behind the end": lambda stream: (frame(DATA, END_STREAM, stream)
                                           + frame(DATA, 0, stream, b"x")),
    "HEADERS behind the end": lambda stream: (frame(DATA, END_STREAM, stream)
                                              + frame(HEADERS, END_HEADERS, stream, head())),
    "trailers that do not end": lambda stream: frame(HEADERS, END_HEADERS, stream,
                                                     indexed(b"a", b"b")),
}


def malformed(peer):
    while True:
        bad = head(more=b"\x00" + string(b"connection") + string(b"close"))
        yield frame(HEADERS, END_STREAM | END_HEADERS, peer.next_stream(), bad), 1


def continuations(size):
    def flood(peer):
        yield frame(HEADERS, END_STREAM, peer.next_stream(), head()), 1
        field = b"\x00" + string(b"x") + string(b"y" * max(size - 5, 0)) if size else b""
        while True:
            yield frame(CONTINUATION, 0, peer.stream, field), 1
    return flood


def repeated(*arguments):
    def flood(_peer):
        while True:
            yield frame(*arguments), 1
    return flood


def among_calls(*arguments):
    """Three wasted frames for a good call."""
    def flood(peer):
        while True:
            yield (frame(HEADERS, END_STREAM | END_HEADERS, peer.next_stream(), head(b"/page"))
                   + 30 * frame(*arguments)), 30
    return flood


def on_open_stream(*payload_and_flags):
    flags, payload = payload_and_flags

    def flood(peer):
        yield frame(HEADERS, END_HEADERS, peer.next_stream(), head(b"/never", b"POST")), 1
        while True:
            yield frame(DATA, flags, peer.stream, payload), 1
    return flood


def bomb(name, value, count, path=b"/page"):
    """Heads that grow: one entry of the table, by its index so many times."""
    def flood(peer):
        first = head(path, more=indexed(name, value))
        yield frame(HEADERS, END_STREAM | END_HEADERS, peer.next_stream(), first), 1
        while True:
            yield frame(HEADERS, END_STREAM | END_HEADERS, peer.next_stream(),
                        head(path, more=NEWEST * count)), 1
    return flood


FLOODS = {
    "rapid reset": rapid_reset,
    **{f"MadeYouReset: {name}": made_you_reset(fault) for name, fault in MADE_YOU_RESET.items()},
    "malformed heads": malformed,
    "CONTINUATION without bytes": continuations(0),
    "CONTINUATION of 16 bytes": continuations(16),
    "CONTINUATION of 16 KiB": continuations(16_000),
    "PING": repeated(PING, 0, 0, bytes(8)),
    "PING among calls": among_calls(PING, 0, 0, bytes(8)),
    "SETTINGS": repeated(SETTINGS, 0, 0, b""),
    "SETTINGS of the window": repeated(SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535)),
    "SETTINGS among calls": among_calls(SETTINGS, 0, 0, b""),
    "PRIORITY": repeated(PRIORITY, 0, 1, struct.pack(">IB", 3, 1)),
    "WINDOW_UPDATE of 1": repeated(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
    "unknown frames": repeated(0xBB, 0, 0, b"x"),
    "empty DATA": on_open_stream(0, b""),
    "DATA that is padding": on_open_stream(PADDED, b"\xff" + bytes(255)),
    "HPACK bomb, 12,000 times 4 KB": bomb(b"x", b"y" * 4000, 12_000),
    "HPACK bomb, 16,000 small fields": bomb(b"x", b"", 16_000),
    "HPACK bomb, 16,000 crumbs": bomb(b"cookie", b"", 16_000),
    "HPACK bomb, 4,000 large crumbs": bomb(b"cookie", b"y" * 4000, 4_000),
    "HPACK bomb, 12,000 hosts": bomb(b"host", b"y" * 4000, 12_000),
}
# Heads a second that the bounds allow for ever.
SLOW = {"HPACK bomb, 12,000 times 4 KB, 33 a second": (bomb(b"x", b"y" * 4000, 12_000), 33),
        "HPACK bomb, 16,000 small fields, 33 a second": (bomb(b"x", b"", 16_000), 33),
        "HPACK bomb, 4,000 large crumbs, 33 a second": (bomb(b"cookie", b"y" * 4000, 4_000), 33),
        "rapid reset, 30 a second": (rapid_reset, 30),
        "PING, 95 a second": (repeated(PING, 0, 0, bytes(8)), 95)}


# --- What they come to ----------------------------------------------------------------------------

def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^VmRSS:\s*(\d+)", status.read(), re.M)[1])


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def good_call(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=5) as answer:
        return answer.status == 200


def fast(flood, sidecar):
    """(whether it ended, frames and KiB until then, growth in KiB)"""
    peer = Peer(sidecar.port)
    before_kb = most_kb = resident_kb(sidecar.pid)
    frames = sent = 0
    for count, (data, wasted) in enumerate(flood(peer), 1):
        peer.send(data)
        frames += wasted
        sent += len(data)
        if count % AT_ONCE == 0 or wasted > 2 or len(data) > 4096:
            peer.await_reading()
            most_kb = max(most_kb, resident_kb(sidecar.pid))
        if peer.over or frames > 2 * WASTE_MAX:
            break
    peer.socket.close()
    return peer.over, frames, sent // 1024, most_kb - before_kb


def slow(flood, per_s, sidecar):
    """(part of a core, growth in KiB, whether it ended)"""
    peer = Peer(sidecar.port)
    before_kb = most_kb = resident_kb(sidecar.pid)
    before_s, begun = cpu_s(sidecar.pid), time.monotonic()
    for count, (data, _) in enumerate(flood(peer)):
        time.sleep(max(0, begun + count / per_s - time.monotonic()))
        peer.send(data)
        most_kb = max(most_kb, resident_kb(sidecar.pid))
        if peer.over or time.monotonic() - begun > SLOW_S:
            break
    peer.socket.close()
    cores = (cpu_s(sidecar.pid) - before_s) / (time.monotonic() - begun)
    return cores, most_kb - before_kb, peer.over


def judge(faults):
    return "; ".join(filter(None, faults)) or None


def fast_case(name, flood, sidecar):
    ended, frames, kb, grown_kb = fast(flood, sidecar)
    print(f"  {name}: {frames} frames, {kb} KiB{'' if ended else ', no end'}; grown by "
          f"{grown_kb} KiB", flush=True)
    return Case(name, judge([
        f"it did not end within {WASTE_MAX} frames" if not ended or frames > WASTE_MAX else None,
        f"it ended behind {kb} KiB" if kb > WASTE_MAX_KB else None,
        f"it took {grown_kb} KiB" if grown_kb > GROWTH_MAX_KB else None,
        None if good_call(sidecar.port) else "no answer behind it"]))


def slow_case(name, flood, per_s, sidecar):
    cores, grown_kb, ended = slow(flood, per_s, sidecar)
    print(f"  {name}: {cores:.3f} cores, {grown_kb} KiB, {'ended' if ended else 'went on'}",
          flush=True)
    return Case(name, judge([
        f"it took {cores:.2f} of a core" if cores > CORE_MAX else None,
        f"it took {grown_kb} KiB" if grown_kb > GROWTH_MAX_KB else None,
        None if good_call(sidecar.port) else "no answer behind it"]))


CONFIGURATION = """\
admin: {{address: "127.0.0.1:0"}}
metrics: {{address: "127.0.0.1:0"}}
drain: {{grace: 1s, quiet: 0s}}
workers: 1
listeners: [{{name: suite, address: "127.0.0.1:0", service: origin}}]
services:
  origin: {{protocol: http1, endpoints: {{static: ["127.0.0.1:{port}"]}}}}
"""


def floods(scratch):
    import origins
    cases = []
    with origins.running(origins.go(scratch, "h1", False)) as origin:
        text = CONFIGURATION.format(port=origin.port)
        for name, flood in FLOODS.items():
            with tools.sidecar_with(scratch, text) as sidecar:
                cases.append(fast_case(name, flood, sidecar))
        for name, (flood, per_s) in SLOW.items():
            with tools.sidecar_with(scratch, text) as sidecar:
                cases.append(slow_case(name, flood, per_s, sidecar))
    return cases
