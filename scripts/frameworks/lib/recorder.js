// A TCP proxy that keeps the bytes of every connection, and what can be read
// from them: one stands before NGINX, one behind it.

'use strict';

const net = require('node:net');

// The frames of a direction, cut at the last whole one.
function frames(bytes) {
  const all = [];
  let at = 0;

  while (bytes.length - at >= 2) {
    const masked = (bytes[at + 1] & 0x80) !== 0;
    let length = bytes[at + 1] & 0x7f;
    let head = 2;

    if (length === 126) {
      if (bytes.length - at < 4) break;
      length = bytes.readUInt16BE(at + 2);
      head = 4;
    } else if (length === 127) {
      if (bytes.length - at < 10) break;
      length = Number(bytes.readBigUInt64BE(at + 2));
      head = 10;
    }

    const key = at + head;
    const start = key + (masked ? 4 : 0);
    if (bytes.length - start < length) break;

    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (masked) {
      for (let i = 0; i < length; i++) payload[i] ^= bytes[key + i % 4];
    }

    all.push({ at, opcode: bytes[at] & 0x0f, payload });
    at = start + length;
  }

  return all;
}

function closeCode(frame) {
  return frame?.opcode === 8 && frame.payload.length >= 2
    ? frame.payload.readUInt16BE(0) : undefined;
}

class Connection {
  constructor() {
    this.chunks = { c2s: [], s2c: [] };
    this.ended = { c2s: false, s2c: false };
    this.scanned = 0;
  }

  bytes(direction) {
    const list = this.chunks[direction];

    if (list.length > 1) {
      list.splice(0, list.length, Buffer.concat(list));
    }
    return list[0] ?? Buffer.alloc(0);
  }

  get closed() {
    return this.ended.c2s && this.ended.s2c;
  }

  // The handshake is the last request of the connection.
  handshake() {
    const request = this.bytes('c2s').toString('latin1');
    const key = /\r\nSec-WebSocket-Key: *(\S+)/i.exec(request);
    const response = this.bytes('s2c').toString('latin1');
    const switched = response.indexOf('HTTP/1.1 101 ');

    if (key === null || switched === -1) {
      return undefined;
    }

    const head = response.slice(switched,
      response.indexOf('\r\n\r\n', switched) + 4);

    return {
      key: key[1],
      answer: head.split('\r\n')
        .filter((line) => /^sec-websocket-/i.test(line))
        .map((line) => line.toLowerCase()).sort().join('\n'),
      c2s: this.bytes('c2s').subarray(
        request.indexOf('\r\n\r\n', key.index) + 4),
      s2c: this.bytes('s2c').subarray(switched + head.length),
    };
  }
}

// listen is a port, or 0 for any; target what net.connect() takes.
class Recorder {
  static async start(target, listen = 0) {
    const recorder = new Recorder();

    recorder.connections = [];
    recorder.sockets = new Set();
    recorder.server = net.createServer({ allowHalfOpen: true, noDelay: true },
      (client) => recorder.accept(client, target));
    await new Promise((resolve, reject) => {
      recorder.server.once('error', reject);
      recorder.server.listen(listen, '127.0.0.1', resolve);
    });
    recorder.port = recorder.server.address().port;
    return recorder;
  }

  accept(client, target) {
    const connection = new Connection();
    const server = net.connect(
      { ...target, allowHalfOpen: true, noDelay: true });

    this.connections.push(connection);
    this.pipe(connection, 'c2s', client, server);
    this.pipe(connection, 's2c', server, client);
  }

  pipe(connection, direction, from, to) {
    this.sockets.add(from);
    from.on('data', (chunk) => {
      connection.chunks[direction].push(chunk);
      if (!to.destroyed && !to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => {
      connection.ended[direction] = true;
      to.end();
    });
    from.on('error', () => {});
    from.on('close', () => {
      connection.ended[direction] = true;
      this.sockets.delete(from);
      if (!from.readableEnded) to.destroy();
    });
  }

  stop() {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

module.exports = { Recorder, frames, closeCode };
