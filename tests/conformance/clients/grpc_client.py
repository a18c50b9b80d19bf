"""grpcio as a client of the matrix: see grpc_clients.py for what each word asks.

grpc_client.py STORY:CALLS,... BASE AT_ONCE h2 [CA]
"""
import collections
import concurrent.futures
import functools
import json
import sys
import threading
import time

import grpc

STORIES, BASE, AT_ONCE = sys.argv[1:4]
CA = sys.argv[5] if len(sys.argv) > 5 else None
SMALL, LARGE = bytes(100), bytes(256 * 1024)
MESSAGES, TURNS = 2000, 100
LIMIT_S = 60


def channel():
    address = BASE.split("://")[1]
    if CA is None:
        return grpc.insecure_channel(address)
    with open(CA, "rb") as file:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()))


CHANNEL = channel()


def method(kind, name):
    return getattr(CHANNEL, kind)(f"/matrix.Matrix/{name}")


ECHO = method("unary_unary", "Echo")
NEVER = method("unary_unary", "Never")
FAIL = method("unary_unary", "Fail")
UP = method("stream_unary", "Up")
BOTH = method("stream_stream", "Both")
DOWN = {name: method("unary_stream", name) for name in ("Down", "Slow", "Watch", "Late")}


def judge(fine):
    return "ok" if fine else "ok with other messages"


def down(name, count, limit_s, pause_s=0):
    got = 0
    for _ in DOWN[name](SMALL, timeout=limit_s):
        got += 1
        time.sleep(pause_s)
    return judge(got == count)


def both():
    turn = threading.Semaphore()

    def sent():
        for _ in range(TURNS):
            turn.acquire()
            yield SMALL

    got = 0
    for message in BOTH(sent(), timeout=LIMIT_S):
        got += len(message) == len(SMALL)
        turn.release()
    return judge(got == TURNS)


def fail():
    try:
        FAIL(SMALL, timeout=LIMIT_S)
    except grpc.RpcError as error:
        told = (error.code().name, error.details(), dict(error.trailing_metadata()))
        if told[:2] != ("FAILED_PRECONDITION", "as it should: ü"):
            raise
        return "told" if told[2].get("x-request-id") == "of-the-trailer" else "told too little"
    return judge(False)


def given_up():
    future = NEVER.future(SMALL)
    time.sleep(0.02)
    future.cancel()
    try:
        future.result()
    except grpc.FutureCancelledError:
        return "CANCELLED"
    return judge(False)


def deadline():
    try:
        NEVER(SMALL, timeout=0.05)
    except grpc.RpcError as error:
        return error.code().name
    return judge(False)


def call(story, number):
    if story in ("restart", "race"):
        time.sleep((15 + number % 11) / 1000)
    if story == "cancel" and number % 8 == 0:
        return given_up()
    special = {"down": lambda: down("Down", MESSAGES, LIMIT_S),
               "slow": lambda: down("Slow", 64, LIMIT_S, 0.02),
               "watch": lambda: down("Watch", 1, None), "late": lambda: down("Late", 1, None),
               "up": lambda: judge(int.from_bytes(UP(iter([SMALL] * MESSAGES), timeout=LIMIT_S))
                                   == MESSAGES),
               "both": both, "fail": fail, "deadline": deadline,
               "large": lambda: judge(len(ECHO(LARGE, timeout=LIMIT_S)) == len(LARGE))}
    try:
        if story in special:
            return special[story]()
        return judge(len(ECHO(SMALL, timeout=LIMIT_S)) == len(SMALL))
    except grpc.RpcError as error:
        return f"error: {error.code().name}"


told = {}
with concurrent.futures.ThreadPoolExecutor(int(AT_ONCE)) as pool:
    for part in STORIES.split(","):
        name, calls = part.split(":")
        told[name] = collections.Counter(pool.map(functools.partial(call, name),
                                                  range(int(calls))))
print(json.dumps(told))
