"""Messages of DNS (RFC 1035), as much of them as the stories and the fake need."""
import ipaddress
import socket
import struct

A, CNAME, SOA, AAAA, SRV = 1, 5, 6, 28, 33
NO_ERROR, SERVER_FAILED, NO_NAME, REFUSED = 0, 2, 3, 5
RESPONSE, AUTHORITATIVE, TRUNCATED, RECURSION = 0x8000, 0x0400, 0x0200, 0x0100
QUESTION_AT = 0xC00C  # a pointer to the name of the question


def packed_name(name):
    labels = [label.encode() for label in name.strip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def read_name(message, at):
    """(the name, where the message goes on)"""
    labels, after = [], None
    while message[at]:
        if message[at] >= 0xC0:
            after = after or at + 2
            at = struct.unpack_from(">H", message, at)[0] & 0x3FFF
        else:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
    return ".".join(labels), after or at + 1


def question(number, name, kind):
    # With EDNS of 1232 bytes, as resolvers of today.
    return (struct.pack(">HHHHHH", number, RECURSION, 1, 0, 0, 1) + packed_name(name) +
            struct.pack(">HH", kind, 1) + b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0))


def record(kind, data, ttl, name=struct.pack(">H", QUESTION_AT)):
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def address_record(address, ttl, name=struct.pack(">H", QUESTION_AT)):
    data = ipaddress.ip_address(address).packed
    return record(A if len(data) == 4 else AAAA, data, ttl, name)


def srv_record(priority, weight, port, target, ttl):
    return record(SRV, struct.pack(">HHH", priority, weight, port) + packed_name(target), ttl)


def answer(asked, records, code=NO_ERROR, flags=0, more=()):
    """To those bytes; `more` goes into the additional section."""
    end = read_name(asked, 12)[1] + 4
    number, their_flags = struct.unpack_from(">HH", asked)
    flags |= RESPONSE | AUTHORITATIVE | (their_flags & RECURSION) | code
    return (struct.pack(">HHHHHH", number, flags, 1, len(records), 0, len(more)) +
            asked[12:end] + b"".join(records) + b"".join(more))


def read_answer(message):
    """(code, is cut off, [(kind, what it says)])"""
    _, flags, _, count, _, _ = struct.unpack_from(">HHHHHH", message)
    at, found = read_name(message, 12)[1] + 4, []
    for _ in range(count):
        _, at = read_name(message, at)
        kind, _, _, length = struct.unpack_from(">HHIH", message, at)
        at += 10
        if kind in (A, AAAA):
            found.append((kind, str(ipaddress.ip_address(message[at:at + length]))))
        elif kind == SRV:
            numbers = struct.unpack_from(">HHH", message, at)
            found.append((kind, (*numbers, read_name(message, at + 6)[0])))
        at += length
    return flags & 15, bool(flags & TRUNCATED), found


def ask(server, name, kind, limit_s=2):
    """(code, was cut off at first, records), over TCP where it must be."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(limit_s)
        udp.connect(server)
        udp.send(question(4711, name, kind))
        code, is_cut, found = read_answer(udp.recv(65_535))
    if not is_cut:
        return code, False, found
    with socket.create_connection(server, limit_s) as tcp, tcp.makefile("rb") as stream:
        asked = question(4712, name, kind)
        tcp.sendall(struct.pack(">H", len(asked)) + asked)
        length = struct.unpack(">H", stream.read(2))[0]
        code, _, found = read_answer(stream.read(length))
    return code, True, found
