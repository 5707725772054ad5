// A TCP relay that keeps what it passed on: one stands on either side of
// NGINX, so that a changed byte behind the 101 is seen.

'use strict';

const net = require('node:net');

class Connection {
  constructor(near, target) {
    this.sent = [];
    this.answered = [];

    const far = net.connect({ port: target, host: '127.0.0.1',
      allowHalfOpen: true });

    this.closed = Promise.all([
      Connection.pass(near, far, this.sent),
      Connection.pass(far, near, this.answered),
    ]);
  }

  static pass(from, to, record) {
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      record.push(chunk);
      if (!to.destroyed && !to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => to.end());
    from.on('error', () => {});

    return new Promise((resolve) => {
      from.on('close', () => {
        to.destroySoon();
        resolve();
      });
    });
  }

  // The heads of the handshake, and the bytes behind them.
  parts() {
    const [request, sent] = split(Buffer.concat(this.sent));
    const [response, answered] = split(Buffer.concat(this.answered));

    return { request, response, sent, answered };
  }
}

function split(bytes) {
  const end = bytes.indexOf('\r\n\r\n');

  return end < 0 ? ['', bytes]
    : [bytes.subarray(0, end).toString('latin1'), bytes.subarray(end + 4)];
}

class Relay {
  constructor(target) {
    this.connections = [];
    this.server = net.createServer({ allowHalfOpen: true }, (socket) => {
      this.connections.push(new Connection(socket, target));
    });
  }

  async listen() {
    await new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;

    return this;
  }

  // What was relayed since the last call, once all of it has ended.
  async take() {
    const taken = this.connections.splice(0);

    await Promise.all(taken.map((connection) => connection.closed));

    return taken.map((connection) => connection.parts())
      .filter((parts) => parts.response.startsWith('HTTP/1.1 101 '));
  }
}

module.exports = Relay;
