"""A WebSocket server that sends back what it gets, and a client that checks that.

websocket.py serve ADDRESS PORT [CERTIFICATE_FILE KEY_FILE] | talk URL ADDRESS PORT [CA_FILE]
"""
import asyncio
import ssl
import sys
import urllib.parse

import websockets


async def echo(socket, _path=None):
    async for message in socket:
        await socket.send(message)


async def serve(address, port, *certificate):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        context.set_alpn_protocols(["http/1.1"])
    async with websockets.serve(echo, address, port, ssl=context):
        await asyncio.Future()


async def talk(url, address, port, *authority):
    messages = ["hello", b"\x00\xff" * 50_000, "\u00fc" * 1_000]
    over = {}
    if authority:
        over = {"ssl": ssl.create_default_context(cafile=authority[0]),
                "server_hostname": urllib.parse.urlsplit(url).hostname}
    async with websockets.connect(url, host=address, port=port, open_timeout=10, **over) as socket:
        for message in messages:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), 10) == message
    print(len(messages), "messages came back")


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    asyncio.run({"serve": serve, "talk": talk}[command](*words))
