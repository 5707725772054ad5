// A chat in PHP, and its messages as they are.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Child, freePort, until } = require('../lib/process.js');

async function server({ dir, heard }) {
  const port = await freePort();
  const child = new Child(path.join(dir, 'php.log'), '/usr/bin/php', [
    '-n', path.join(__dirname, '../servers/chat.php'), String(port),
  ], { lines: (line) => heard(Buffer.from(line, 'base64').toString()) });

  await child.listening({ port, host: '127.0.0.1' });
  return { port, stop: () => child.stop() };
}

async function client(port, { up, got }) {
  const { WebSocket } = require('ws');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  let beats = 0;

  socket.on('open', up);
  socket.on('message', (data) => got(data.toString()));
  socket.on('pong', () => beats++);
  socket.on('error', () => {});

  return {
    send: (text) => socket.send(text),
    beats: async () => {
      for (let i = 0; i < 2; i++) socket.ping('are you there?');
      await until('heartbeats', () => beats === 2);
    },
    close: () => new Promise((resolve) => {
      if (socket.readyState === WebSocket.CLOSED) resolve();
      socket.on('close', resolve);
      socket.close(1000, 'bye');
    }),
  };
}

module.exports = [{
  name: 'php', server,
  missing: () => !fs.existsSync('/usr/bin/php') && 'apt-get install php-cli',
  cases: [{ name: 'text', path: '$', after: 'ends', client }],
}];
