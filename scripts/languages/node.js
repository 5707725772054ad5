// Node.js, ws.  The contract of all clients is in README.md.

'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const WebSocket = require('ws');

const [url, file] = process.argv.slice(2);

function show(kind, data) {
  const hash = createHash('sha256').update(data).digest('hex');

  console.log(kind, data.length, hash);
}

console.log('client Node.js', process.versions.node, 'ws',
  require('ws/package.json').version);

const lines = fs.readFileSync(file, 'latin1').trimEnd().split('\n');
const socket = new WebSocket(url, ['chat', 'echo']);

function next() {
  const [op, ...rest] = lines.shift().split(' ');
  const data = rest.map((base64) => Buffer.from(base64, 'base64'));

  switch (op) {
  case 'text':
    socket.send(data[0], { binary: false });
    break;
  case 'binary':
    socket.send(data[0]);
    break;
  case 'fragments':
    data.forEach((part, i) => {
      socket.send(part, { binary: false, fin: i === data.length - 1 });
    });
    break;
  case 'ping':
    socket.ping(data[0]);
    break;
  case 'close':
    socket.close(Number(rest[0]), data[1]);
    break;
  }
}

socket.on('open', () => {
  console.log('open', socket.protocol || '-', socket.extensions || '-');
  next();
});
socket.on('message', (data, binary) => {
  show(binary ? 'binary' : 'text', data);
  next();
});
socket.on('pong', (data) => {
  show('pong', data);
  next();
});
socket.on('error', (error) => console.error(error.message));
socket.on('close', (code, reason) => console.log('close', code, `${reason}`));
