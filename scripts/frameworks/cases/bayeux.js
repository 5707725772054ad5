// Bayeux: Faye's client and server, over WebSocket and long polling.

'use strict';

const http = require('node:http');
const { listen } = require('../lib/process.js');

const channel = '/chat';

async function server({ heard }) {
  const { NodeAdapter } = require('faye');
  const bayeux = new NodeAdapter({ mount: '/faye', timeout: 1 });
  const app = http.createServer();

  bayeux.attach(app);
  bayeux.on('publish', (_, name, data) => {
    if (name === channel) heard(data.text);
  });

  return {
    port: await listen(app),
    stop: () => {
      app.close();
      app.closeAllConnections();
    },
  };
}

function client(disabled) {
  return async (port, { up, got }) => {
    const { Client } = require('faye');
    const faye = new Client(`http://127.0.0.1:${port}/faye`,
      { retry: 0.05, timeout: 10 });

    for (const transport of disabled) faye.disable(transport);
    await faye.subscribe(channel, ({ text }) => got(text));
    up();
    faye.on('transport:up', up);

    return {
      send: (text) => {
        // Once: it would send again what was not answered, attacks too.
        faye.publish(channel, { text }, { attempts: 1 }).then(() => {},
          () => {});
      },
      close: async () => faye.disconnect(),
    };
  };
}

const event = channel;
const path = '$.text';

module.exports = [{
  name: 'faye', decoder: 'bayeux', server,
  cases: [
    { name: 'websocket', event, path, client: client([]) },
    { name: 'long-polling', event, path, polling: true, after: 'stays',
      client: client(['websocket', 'eventsource']) },
  ],
}];
