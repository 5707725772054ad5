// SockJS over three of its transports.

'use strict';

const http = require('node:http');
const { listen, until } = require('../lib/process.js');

async function server({ heard }) {
  const app = http.createServer();
  const sockets = require('sockjs').createServer({
    log: () => {}, heartbeat_delay: 300,
  });

  sockets.on('connection', (session) => {
    session.on('data', (data) => {
      heard(JSON.parse(data).text);
      session.write(data);
    });
  });
  sockets.installHandlers(app, { prefix: '/chat' });

  return {
    port: await listen(app),
    stop: () => {
      app.close();
      app.closeAllConnections();
    },
  };
}

function client(transport) {
  return async (port, { up, got }) => {
    const SockJS = require('sockjs-client');
    const socket = new SockJS(`http://127.0.0.1:${port}/chat`, null,
      { transports: [transport] });
    let beats = 0;

    socket.onopen = up;
    socket.onheartbeat = () => beats++;
    socket.onmessage = ({ data }) => got(JSON.parse(data).text);

    return {
      send: (text) => socket.send(JSON.stringify({ text })),
      // Over WebSocket they are frames, which nobody tells of.
      beats: transport === 'websocket' ? undefined
        : () => until('heartbeats', () => beats >= 2),
      close: () => new Promise((resolve) => {
        if (socket.readyState === SockJS.CLOSED) resolve();
        socket.onclose = resolve;
        socket.close();
      }),
    };
  };
}

const path = '$.text';
const wire = (text) =>
  JSON.stringify(JSON.stringify({ text })).slice(13, -4);

module.exports = [{
  name: 'sockjs', decoder: 'sockjs', server,
  // This client does not reconnect.
  cases: [
    { name: 'websocket', path, wire, after: 'ends',
      client: client('websocket') },
    { name: 'xhr-streaming', path, wire, after: 'ends', polling: true,
      client: client('xhr-streaming') },
    { name: 'xhr-polling', path, wire, after: 'ends', polling: true,
      client: client('xhr-polling') },
  ],
}];
