// socket.io 2 and 4.  The text is an argument of the event, or a Buffer in it.

'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { listen, until } = require('../lib/process.js');

function server(load, options = {}) {
  return async ({ heard }) => {
    const app = http.createServer();
    const io = load()(app, {
      pingInterval: 300, pingTimeout: 5000, maxHttpBufferSize: 1e6, ...options,
    });

    io.on('connection', (socket) => {
      socket.on('chat message', (message, ack) => {
        heard(message.text.toString());
        socket.emit('chat message', message);
        if (typeof ack === 'function') ack(message);
      });
    });

    return { port: await listen(app), stop: () => io.close() };
  };
}

// use: how the text is sent, and read
const plain = {
  send: (socket, text) => socket.emit('chat message', { text }),
};

const binary = {
  send: (socket, text) =>
    socket.emit('chat message', { text: Buffer.from(text) }),
};

function client(load, transports, use, options = {}) {
  return async (port, { up, got }) => {
    const socket = load()(`http://127.0.0.1:${port}`, {
      transports, forceNew: true, reconnectionDelay: 50,
      randomizationFactor: 0, ...options,
    });
    let beats = 0;

    socket.io.on(options.old ? 'pong' : 'ping', () => beats++);
    socket.on('connect', async () => {
      // Polling first: what is told is the connection after the upgrade.
      if (transports.length > 1) {
        await until('the upgrade', () =>
          socket.io.engine?.transport?.name === 'websocket');
      }
      up();
    });
    socket.on('chat message', (message) => got(message.text.toString()));

    return {
      send: (text) => use.send(socket, text),
      beats: () => until('heartbeats', () => beats >= 2),
      recovered: () => socket.recovered,
      close: async () => {
        socket.close();
      },
    };
  };
}

const four = {
  server: () => (app, options) => new (require('socket.io').Server)(app,
    options),
  client: () => require('socket.io-client').io,
};

const two = {
  server: () => require('socket.io-2'),
  client: () => require('socket.io-client-2'),
};

const event = 'chat message';
const path = '$[0].text';

function cases({ client: load }, options) {
  const make = (transports, use) => client(load, transports, use, options);

  return [
    { name: 'websocket', event, path, client: make(['websocket'], plain) },
    { name: 'polling', event, path, polling: true,
      client: make(['polling'], plain) },
    { name: 'upgrade', event, path,
      client: make(['polling', 'websocket'], plain) },
    { name: 'binary', event, path, client: make(['websocket'], binary) },
  ];
}

const compressed = { perMessageDeflate: { threshold: 0 } };

module.exports = [
  {
    name: 'socket.io-4', quick: true, decoder: 'socket.io',
    server: server(four.server),
    cases: cases(four),
  },
  {
    name: 'socket.io-2', quick: true, decoder: 'socket.io',
    server: server(two.server),
    cases: cases(two, { old: true }),
  },
  {
    name: 'socket.io-4-recovery', decoder: 'socket.io',
    server: server(four.server, { connectionStateRecovery: {} }),
    cases: [{
      ...cases(four)[0],
      check: (socket) => assert.ok(socket.recovered(), 'the state is lost'),
    }],
  },
  {
    name: 'socket.io-4-deflate', decoder: 'socket.io',
    server: server(four.server, compressed),
    cases: cases(four, compressed).slice(0, 1),
  },
  {
    name: 'socket.io-4-msgpack', quick: true, decoder: 'socket.io',
    server: server(four.server, {
      get parser() { return require('socket.io-msgpack-parser'); },
    }),
    cases: [{
      name: 'websocket', event, path,
      client: client(four.client, ['websocket'], plain, {
        get parser() { return require('socket.io-msgpack-parser'); },
      }),
    }, {
      name: 'binary', event, path,
      client: client(four.client, ['websocket'], binary, {
        get parser() { return require('socket.io-msgpack-parser'); },
      }),
    }],
  },
];
