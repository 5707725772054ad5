// The echo server behind NGINX.  It answers with what it received, whatever
// that is: the subprotocol is "echo", permessage-deflate is on.
//
// usage, to try a client by hand: node echo.js PORT

'use strict';

const http = require('node:http');
const { WebSocketServer } = require('ws');

// received(kind, data) is told what the application got.
function echo(received) {
  // A page of this origin, for the browser.
  const server = http.createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end('<!doctype html><title>echo</title>');
  });
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (offered) => offered.has('echo') && 'echo',
    perMessageDeflate: { threshold: 0 },
  });

  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, binary) => {
      received(binary ? 'binary' : 'text', data);
      socket.send(data, { binary });
    });
    socket.on('ping', (data) => received('ping', data));
    socket.on('close', (code, reason) => received(`close ${code}`, reason));
  });

  return server;
}

module.exports = echo;

if (require.main === module) {
  echo((kind, data) => console.log(kind, data.length))
    .listen(Number(process.argv[2]), '127.0.0.1');
}
