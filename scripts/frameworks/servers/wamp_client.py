# A WAMP client of Debian's python3-autobahn: calls PROCEDURE with each line of
# the standard input, a JSON string, and prints the result; ends with it.
#
# usage: wamp_client.py URL PROCEDURE

import asyncio
import json
import sys

from autobahn.asyncio.component import Component

url, procedure = sys.argv[1:]
component = Component(realm="realm1", transports=[{
    "type": "websocket", "url": url, "serializers": ["json"],
    "max_retries": -1,
    "initial_retry_delay": 0.05, "max_retry_delay": 0.05,
}])
current = None
disconnected = asyncio.Event()


def say(what):
    print(json.dumps(what), flush=True)


@component.on_join
async def joined(session, details):
    global current
    current = session
    say({"joined": True})


@component.on_disconnect
async def left(session, was_clean):
    if was_clean:
        disconnected.set()


async def call(text):
    try:
        result = await current.call(procedure, text)
        say({"text": result.results[0]})
    except Exception as error:  # the connection is dropped
        print(error, file=sys.stderr)


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    component.start(loop=loop)

    calls = set()
    async for line in reader:
        task = asyncio.ensure_future(call(json.loads(line)))
        calls.add(task)
        task.add_done_callback(calls.discard)

    await current.leave()
    await disconnected.wait()


asyncio.run(main())
