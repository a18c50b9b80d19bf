"""A WebSocket server that sends back what it gets, and a client that checks that.

websocket.py serve ADDRESS PORT | talk ADDRESS PORT
"""
import asyncio
import sys

import websockets


async def echo(socket, _path=None):
    async for message in socket:
        await socket.send(message)


async def serve(address, port):
    async with websockets.serve(echo, address, port):
        await asyncio.Future()


async def talk(address, port):
    messages = ["hello", b"\x00\xff" * 50_000, "\u00fc" * 1_000]
    async with websockets.connect(f"ws://{address}:{port}/chat", open_timeout=10) as socket:
        for message in messages:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), 10) == message
    print(len(messages), "messages came back")


if __name__ == "__main__":
    command, host, number = sys.argv[1:]
    asyncio.run({"serve": serve, "talk": talk}[command](host, int(number)))
