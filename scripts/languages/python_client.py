# Python, websocket-client.  The contract of all clients is in README.md.

import base64
import hashlib
import platform
import ssl
import struct
import sys

import websocket
from websocket import ABNF


def show(kind, data):
    print(kind, len(data), hashlib.sha256(data).hexdigest())


def close(data):
    code, = struct.unpack_from("!H", data) if data else (1005,)
    print("close", code, data[2:].decode())


def send(socket, op, rest):
    if op == "close":
        socket.send_close(int(rest[0]), base64.b64decode(rest[1]))
        return

    data = [base64.b64decode(part) for part in rest]
    if op == "ping":
        socket.ping(data[0])
    elif op == "fragments":
        for i, part in enumerate(data):
            opcode = ABNF.OPCODE_CONT if i else ABNF.OPCODE_TEXT
            fin = int(i == len(data) - 1)
            socket.send_frame(ABNF.create_frame(part, opcode, fin))
    else:
        socket.send(data[0], ABNF.OPCODE_TEXT if op == "text"
                    else ABNF.OPCODE_BINARY)


def main(url, file):
    print("client Python", platform.python_version(),
          "websocket-client", websocket.__version__)
    socket = websocket.create_connection(
        url, subprotocols=["chat", "echo"], timeout=60,
        sslopt={"context": ssl.create_default_context()}
        if url.startswith("wss:") else None)
    print("open", socket.subprotocol or "-", "-")

    with open(file) as f:
        for line in f:
            op, *rest = line.rstrip("\n").split(" ")
            send(socket, op, rest)
            # recv_data_frame() would answer a Close with a second one
            if op == "close":
                frame = socket.recv_frame()
                opcode = frame.opcode
            else:
                opcode, frame = socket.recv_data_frame(control_frame=True)
            if opcode == ABNF.OPCODE_CLOSE:
                close(frame.data)
                break
            show({ABNF.OPCODE_TEXT: "text", ABNF.OPCODE_BINARY: "binary",
                  ABNF.OPCODE_PONG: "pong"}[opcode], frame.data)
    socket.shutdown()


main(*sys.argv[1:])
