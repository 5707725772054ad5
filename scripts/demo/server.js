// The chat server behind NGINX: one room, no memory.  It checks nothing that
// users write, as the servers that this project protects.
//
// usage: node server.js PORT

'use strict';

const { createServer } = require('node:http');
const { Server } = require('socket.io');

const http = createServer((request, response) => {
  response.writeHead(404).end();
});
// No HTTP polling: what is not upgraded is not inspected.
const io = new Server(http, { transports: ['websocket'] });
const names = new Map();

io.on('connection', (socket) => {
  socket.on('join', (name) => {
    if (typeof name !== 'string' || names.has(socket.id)) {
      return;
    }

    names.set(socket.id, name);
    socket.emit('welcome', [...names.values()]);
    socket.broadcast.emit('user joined', { name, users: [...names.values()] });
  });

  socket.on('message', (text) => {
    const name = names.get(socket.id);

    if (name !== undefined) {
      socket.broadcast.emit('message', { name, text });
    }
  });

  socket.on('disconnect', () => {
    const name = names.get(socket.id);

    if (names.delete(socket.id)) {
      io.emit('user left', { name, users: [...names.values()] });
    }
  });
});

http.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
  console.log(`chat server on 127.0.0.1:${http.address().port}`);
});
