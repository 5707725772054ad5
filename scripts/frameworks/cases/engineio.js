// Engine.IO without socket.io: JSON of the application.

'use strict';

const http = require('node:http');
const { listen, until } = require('../lib/process.js');

async function server({ heard }) {
  const app = http.createServer();
  const engine = require('engine.io').attach(app, { pingInterval: 300 });

  engine.on('connection', (socket) => socket.on('message', (data) => {
    heard(JSON.parse(data).text);
    socket.send(data);
  }));

  return { port: await listen(app), stop: () => engine.close() };
}

function client(transports) {
  return async (port, { up, got }) => {
    const { Socket } = require('engine.io-client');
    const socket = new Socket(`http://127.0.0.1:${port}`, { transports });
    let beats = 0;

    socket.on('open', up);
    socket.on('message', (data) => got(JSON.parse(data).text));
    socket.on('ping', () => beats++);
    socket.on('error', () => {});

    return {
      send: (text) => socket.send(JSON.stringify({ text })),
      beats: () => until('heartbeats', () => beats >= 2),
      close: async () => {
        socket.close();
        await until('closed', () => socket.readyState === 'closed');
      },
    };
  };
}

module.exports = [{
  name: 'engine.io', decoder: 'engine.io', server,
  // This client does not reconnect.
  cases: [
    { name: 'websocket', path: '$.text', after: 'ends',
      client: client(['websocket']) },
    { name: 'polling', path: '$.text', after: 'ends', polling: true,
      client: client(['polling']) },
  ],
}];
