// nats.ws against Debian's nats-server.  The server's side is a second client,
// without NGINX.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Child, freePort, until } = require('../lib/process.js');

const subject = 'chat.room';

async function connect(port) {
  globalThis.WebSocket = require('ws').WebSocket;
  const nats = require('nats.ws');

  return nats.connect({
    servers: `ws://127.0.0.1:${port}`, reconnectTimeWait: 50,
    reconnectJitter: 0, maxReconnectAttempts: -1, pingInterval: 300,
    maxPingOut: 30,
  });
}

async function each(subscription, got) {
  for await (const { data, headers } of subscription) {
    got(headers?.get('Note') || new TextDecoder().decode(data));
  }
}

async function server({ dir, heard }) {
  const [port, client] = [await freePort(), await freePort()];
  const conf = path.join(dir, 'nats.conf');

  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(conf, `listen: "127.0.0.1:${client}"
websocket { host: "127.0.0.1", port: ${port}, no_tls: true, compression: true }
`);
  const child = new Child(path.join(dir, 'nats.log'), 'nats-server',
    ['-c', conf]);
  await child.listening({ port, host: '127.0.0.1' });

  const watch = await connect(port);
  each(watch.subscribe(subject), heard);
  await watch.flush();

  return {
    port,
    stop: async () => {
      await watch.close();
      await child.stop();
    },
  };
}

function client(way) {
  return async (port, { up, got }) => {
    const nats = await connect(port);
    const { headers } = require('nats.ws');
    let beats = 0;

    each(nats.subscribe(subject), got);
    await nats.flush();
    up();
    (async () => {
      for await (const { type } of nats.status()) {
        if (type === 'reconnect') up();
        if (type === 'pingTimer') beats++;
      }
    })();

    return {
      send: (text) => {
        if (way === 'header') {
          const note = headers();
          note.set('Note', text);
          nats.publish(subject, new TextEncoder().encode('see the note'),
            { headers: note });
        } else {
          nats.publish(subject, new TextEncoder().encode(text));
        }
      },
      beats: () => until('heartbeats', () => beats >= 2),
      close: () => nats.close(),
    };
  };
}

module.exports = [{
  name: 'nats', decoder: 'nats', server,
  missing: () => !fs.existsSync('/usr/sbin/nats-server')
    && !fs.existsSync('/usr/bin/nats-server')
    && 'apt-get install nats-server',
  cases: [
    { name: 'payload', event: subject, path: '$', client: client('payload') },
  ],
}];
