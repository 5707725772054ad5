# Python, websockets.  The contract of all clients is in README.md.

import asyncio
import base64
import hashlib
import platform
import sys

import websockets


def show(kind, data):
    print(kind, len(data), hashlib.sha256(data).hexdigest())


async def converse(socket, lines):
    for op, *rest in lines:
        if op == "close":
            reason = base64.b64decode(rest[1]).decode()
            await socket.close(int(rest[0]), reason)
            break

        data = [base64.b64decode(part) for part in rest]
        if op == "ping":
            await (await socket.ping(data[0]))
            show("pong", data[0])
            continue

        if op == "binary":
            await socket.send(data[0])
        elif op == "text":
            await socket.send(data[0].decode())
        else:
            await socket.send([part.decode() for part in data])

        answer = await socket.recv()
        if isinstance(answer, str):
            show("text", answer.encode())
        else:
            show("binary", answer)


async def main(url, file):
    print("client Python", platform.python_version(),
          "websockets", websockets.__version__)
    with open(file) as f:
        lines = [line.rstrip("\n").split(" ") for line in f]

    socket = await websockets.connect(url, subprotocols=["chat", "echo"],
                                      max_size=None)
    print("open", socket.subprotocol or "-",
          ", ".join(e.name for e in socket.extensions) or "-")
    try:
        await converse(socket, lines)
    except websockets.ConnectionClosed:
        pass
    print("close", socket.close_code, socket.close_reason)


asyncio.run(main(*sys.argv[1:]))
