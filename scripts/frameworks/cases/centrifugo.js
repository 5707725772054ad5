// Centrifugo's JavaScript client, JSON, against a server of ours: Debian has
// none.

'use strict';

const http = require('node:http');
const { listen } = require('../lib/process.js');

const channel = 'chat';

function reply({ connect, subscribe, publish }) {
  if (connect) {
    return { connect: { client: 'c', version: '0', ping: 1, pong: true } };
  }
  return subscribe ? { subscribe: {} } : publish ? { publish: {} } : {};
}

async function server({ heard }) {
  const { WebSocketServer } = require('ws');
  const app = http.createServer();
  const sockets = new WebSocketServer({ server: app, perMessageDeflate: true });

  sockets.on('connection', (socket) => {
    const send = (message) => socket.send(JSON.stringify(message));
    const beat = setInterval(() => send({}), 300);

    socket.on('close', () => clearInterval(beat));
    socket.on('error', () => {});
    // Commands are lines; the empty one is a pong.
    socket.on('message', (data) => {
      for (const line of data.toString().split('\n')) {
        const command = JSON.parse(line);
        if (command.id === undefined) continue;
        send({ id: command.id, ...reply(command) });
        if (command.publish) {
          heard(command.publish.data.text);
          send({ push: { channel, pub: { data: command.publish.data } } });
        }
      }
    });
  });

  return { port: await listen(app), stop: () => app.close() };
}

async function client(port, { up, got }) {
  const { Centrifuge } = require('centrifuge');
  const centrifuge = new Centrifuge(
    `ws://127.0.0.1:${port}/connection/websocket`, {
      websocket: require('ws').WebSocket, minReconnectDelay: 50,
      maxReconnectDelay: 50,
    });
  const subscription = centrifuge.newSubscription(channel);

  centrifuge.on('error', () => {});
  subscription.on('subscribed', up);
  subscription.on('publication', ({ data }) => got(data.text));
  subscription.on('error', () => {});
  subscription.subscribe();
  centrifuge.connect();

  return {
    send: (text) => { subscription.publish({ text }).catch(() => {}); },
    close: async () => centrifuge.disconnect(),
  };
}

module.exports = [{
  name: 'centrifugo', decoder: 'centrifugo', server,
  cases: [{ name: 'json', event: channel, path: '$.text', client }],
}];
