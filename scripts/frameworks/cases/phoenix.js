// Phoenix' own client against a server of ours that speaks version 2 of the
// channels' protocol.

'use strict';

const http = require('node:http');
const { listen, until } = require('../lib/process.js');

// kind, lengths of join_ref, ref, topic and event, these, and the payload
function push(data) {
  const lengths = [...data.subarray(1, 5)];
  let at = 5;
  const [joinRef, ref, topic, event] = lengths.map((length) =>
    data.toString('utf8', at, at += length));

  return [joinRef, ref, topic, event, data.subarray(at)];
}

async function server({ heard }) {
  const { WebSocketServer } = require('ws');
  const app = http.createServer();
  const sockets = new WebSocketServer({ server: app, path: '/socket/websocket',
    perMessageDeflate: true });

  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, binary) => {
      const [joinRef, ref, topic, event, payload] =
        binary ? push(data) : JSON.parse(data);
      const send = (name, body, reference = null) => socket.send(
        JSON.stringify([joinRef, reference, topic, name, body]));

      if (event === 'new_msg') {
        const text = binary ? payload.toString() : payload.text;
        heard(text);
        send('new_msg', { text });
      } else {
        send('phx_reply', { status: 'ok', response: {} }, ref);
      }
    });
  });

  return { port: await listen(app), stop: () => app.close() };
}

function client(write) {
  return async (port, { up, got }) => {
    const { Socket } = require('phoenix');
    let beats = 0;
    const socket = new Socket(`ws://127.0.0.1:${port}/socket`, {
      transport: require('ws').WebSocket, reconnectAfterMs: () => 50,
      rejoinAfterMs: () => 50, heartbeatIntervalMs: 1000,
    });
    const channel = socket.channel('room:1');

    socket.onError(() => {});
    socket.onMessage(({ topic }) => { if (topic === 'phoenix') beats++; });
    channel.on('new_msg', ({ text }) => got(text));
    channel.onMessage = (event, payload, ref) => {
      if (event === 'phx_reply' && ref === channel.joinRef()) {
        setImmediate(up);
      }
      return payload;
    };
    socket.connect();
    channel.join();

    return {
      send: (text) => { channel.push('new_msg', write(text)); },
      beats: () => until('heartbeats', () => beats >= 2),
      close: () => new Promise((resolve) => socket.disconnect(resolve)),
    };
  };
}

const event = 'room:1 new_msg';

module.exports = [{
  name: 'phoenix', decoder: 'phoenix', server,
  cases: [
    { name: 'push', event, path: '$.text',
      client: client((text) => ({ text })) },
    { name: 'binary-push', event, path: '$', client: client((text) =>
      new Uint8Array(Buffer.from(text)).buffer) },
  ],
}];
