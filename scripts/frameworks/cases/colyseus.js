// Colyseus 0.15, client and server.

'use strict';

const http = require('node:http');
const { listen } = require('../lib/process.js');

async function server({ heard }) {
  const { Room, Server } = require('@colyseus/core');
  const { WebSocketTransport } = require('@colyseus/ws-transport');

  class Chat extends Room {
    onCreate() {
      this.onMessage('chat', (client, { text }) => {
        heard(text);
        client.send('chat', { text });
      });
    }
  }

  const app = http.createServer();
  const game = new Server({
    transport: new WebSocketTransport({ server: app, maxPayload: 1e6 }), greet: false,
    gracefullyShutdown: false,
  });
  game.define('chat', Chat);
  return { port: await listen(app), stop: () => app.close() };
}

async function client(port, { up, got }) {
  const { Client } = require('colyseus.js');
  const colyseus = new Client(`ws://127.0.0.1:${port}`);
  const room = await colyseus.joinOrCreate('chat');

  room.onMessage('chat', ({ text }) => got(text));
  room.onError(() => {});
  up();

  return {
    send: (text) => room.send('chat', { text }),
    close: async () => { if (room.connection.isOpen) await room.leave(); },
  };
}

module.exports = [{
  name: 'colyseus', decoder: 'colyseus', server,
  // Coming back is the application's business.
  cases: [{ name: 'message', event: 'chat', path: '$.text', after: 'ends',
    client }],
}];
