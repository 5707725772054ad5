// Rails' own client against Debian's Action Cable in puma.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Child, freePort, until } = require('../lib/process.js');

async function server({ dir, heard }) {
  const port = await freePort();
  const child = new Child(path.join(dir, 'puma.log'), '/usr/bin/puma', [
    '--quiet', '--environment', 'production', '--threads', '2:2', '--bind',
    `tcp://127.0.0.1:${port}`, path.join(__dirname, '../servers/cable.ru'),
  ], {
    cwd: dir,
    lines: (line) => { if (line.startsWith('"')) heard(JSON.parse(line)); },
  });

  await child.listening({ port, host: '127.0.0.1' }, 60000);
  return { port, stop: () => child.stop() };
}

// The client expects a browser.
function library() {
  const { WebSocket } = require('ws');

  globalThis.addEventListener ??= () => {};
  globalThis.removeEventListener ??= () => {};
  globalThis.document ??= { visibilityState: 'visible' };

  const cable = require('@rails/actioncable');
  cable.adapters.WebSocket = WebSocket;
  // The server has a heartbeat every 3 s.
  cable.ConnectionMonitor.staleThreshold = 4;
  return cable;
}

async function client(port, { up, got }) {
  const consumer = library()
    .createConsumer(`ws://127.0.0.1:${port}/cable`);
  const started = Date.now();
  const channel = consumer.subscriptions.create('ChatChannel', {
    connected: up, received: ({ text }) => got(text),
  });

  return {
    send: (text) => channel.perform('speak', { text }),
    beats: () => until('heartbeats',
      () => consumer.connection.monitor.pingedAt > started + 1000),
    close: async () => consumer.disconnect(),
  };
}

module.exports = [{
  name: 'actioncable', decoder: 'actioncable', server,
  missing: () => !(fs.existsSync('/usr/bin/puma') && fs.existsSync(
    '/usr/share/doc/ruby-actioncable'))
    && 'apt-get install ruby-actioncable puma',
  cases: [{
    name: 'perform', event: 'ChatChannel#speak', path: '$.text', client,
    // JSON in a string of JSON
    wire: (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3),
  }],
}];
