// JSON-RPC 2.0: rpc-websockets, its client and its server.

'use strict';

const { until } = require('../lib/process.js');

async function server({ heard }) {
  const { Server } = require('rpc-websockets');
  const rpc = new Server({ host: '127.0.0.1', port: 0 });

  rpc.register('say', (params) => {
    const text = params.text ?? params[0];
    heard(text);
    return text;
  });
  const port = await until('the server listens',
    () => rpc.wss.address()?.port);
  return { port, stop: () => rpc.close() };
}

function client(params) {
  return async (port, { up, got }) => {
    const { Client } = require('rpc-websockets');
    const rpc = new Client(`ws://127.0.0.1:${port}`, {
      reconnect_interval: 50, max_reconnects: 0,
    });

    rpc.on('open', up);
    rpc.on('error', () => {});

    return {
      send: (text) => {
        rpc.call('say', params(text), 5000).then(got, () => {});
      },
      close: async () => rpc.close(),
    };
  };
}

module.exports = [{
  name: 'jsonrpc', decoder: 'json-rpc', server,
  cases: [
    { name: 'by-name', event: 'say', path: '$.text',
      client: client((text) => ({ text })) },
    { name: 'by-position', event: 'say', path: '$[0]',
      client: client((text) => [text]) },
  ],
}];
