"""A name server as far as the stories see it: python dns.py PORT STATE.

STATE is read at each question: {"ttl": seconds, "lies": bool, "records": {name: [addresses]}}. A
lie is told of the name that begins with its own. Answers that do not fit into what the asker takes
are cut off (RFC 2181 section 9), as real servers do.
"""
import asyncio
import contextlib
import ipaddress
import json
import pathlib
import struct
import sys

import dns_message as dns

FITS = 1232
ALIAS = dns.record(dns.CNAME, struct.pack(">H", dns.QUESTION_AT), 1)


def code(number):
    return lambda asked, records, kind: dns.answer(asked, [], number)


def with_more(*addresses):
    """Beside the good ones."""
    def make(asked, records, kind):
        fitting = [each for each in addresses if (":" in each) == (kind == dns.AAAA)]
        return dns.answer(asked, records + [dns.address_record(each, 1) for each in fitting])
    return make


def with_other_question(asked, records, kind):
    del kind
    other = dns.question(struct.unpack_from(">H", asked)[0], "other.test", dns.A)
    return dns.answer(other, records)


def with_other_number(asked, records, kind):
    del kind
    message = dns.answer(asked, records)
    return bytes([message[0] ^ 0xFF]) + message[1:]


LIES = {
    "servfail": code(dns.SERVER_FAILED),
    "refused": code(dns.REFUSED),
    "formerr": code(1),
    "no-name": code(dns.NO_NAME),
    "no-data": code(dns.NO_ERROR),
    "silence": lambda asked, records, kind: None,
    "number": with_other_number,
    "question": with_other_question,
    "torn": lambda asked, records, kind: dns.answer(asked, records)[:40],
    "empty": lambda asked, records, kind: b"",
    "garbage": lambda asked, records, kind: asked[:2] + b"\xff" * 100,
    "alias-loop": lambda asked, records, kind: dns.answer(asked, [ALIAS]),
    "short": lambda asked, records, kind: dns.answer(asked, [dns.record(kind, b"\x0a\x09", 1)]),
    "pointers": lambda asked, records, kind: asked[:2] + struct.pack(
        ">HHHHH", dns.RESPONSE, 1, 1, 0, 0) + b"\xc0\x0c" + struct.pack(">HH", kind, 1) + records[
            0] if records else None,
    "cut": lambda asked, records, kind: dns.answer(asked, [], flags=dns.TRUNCATED),
    "ttl": lambda asked, records, kind: dns.answer(
        asked, [record[:6] + b"\xff\xff\xff\xff" + record[10:] for record in records]),
    "absurd": with_more("0.0.0.0", "224.0.0.1", "ff02::1", "::"),
    "many": with_more(*(str(ipaddress.IPv4Address("10.9.0.11")) for _ in range(1000))),
}


class Server:
    def __init__(self, state):
        self.state = pathlib.Path(state)

    def reply(self, asked, is_tcp):
        """The bytes, or None: nothing is said."""
        state = json.loads(self.state.read_text())
        name, end = dns.read_name(asked, 12)
        name = name.lower()
        kind = struct.unpack_from(">H", asked, end)[0]
        known = state["records"].get(name)
        fitting = [host for host in known or [] if (":" in host) == (kind == dns.AAAA)]
        records = [dns.address_record(host, state["ttl"]) for host in fitting]
        lie = LIES.get(name.split(".")[0]) if state["lies"] else None
        if lie is not None:
            message = lie(asked, records, kind)
        elif known:
            message = dns.answer(asked, records)
        else:
            message = dns.answer(asked, [], dns.NO_NAME)
        if is_tcp or message is None or len(message) <= FITS:
            return message
        return dns.answer(asked, [], flags=dns.TRUNCATED)


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server, self.transport = server, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        with contextlib.suppress(IndexError, struct.error):
            message = self.server.reply(data, False)
            if message is not None:
                self.transport.sendto(message, addr)


async def run(port, state):
    server = Server(state)

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, IndexError, struct.error):
            while True:
                length = struct.unpack(">H", await reader.readexactly(2))[0]
                message = server.reply(await reader.readexactly(length), True)
                if message is None:
                    break
                writer.write(struct.pack(">H", len(message)) + message)
                await writer.drain()
        writer.close()

    await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Datagrams(server), local_addr=("127.0.0.1", port))
    await (await asyncio.start_server(serve, "127.0.0.1", port)).serve_forever()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2]))
