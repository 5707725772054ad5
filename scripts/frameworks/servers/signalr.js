// A hub of ASP.NET Core SignalR, as far as its clients need one: negotiation,
// WebSockets, Server-Sent Events and long polling, handshake, invocations and
// uploaded streams.  The messages are read and written by the classes that
// Microsoft's client is made of.

'use strict';

const { randomBytes } = require('node:crypto');
const { JsonHubProtocol, MessageType, NullLogger } =
  require('@microsoft/signalr');
const { MessagePackHubProtocol } =
  require('@microsoft/signalr-protocol-msgpack');
const { WebSocketServer } = require('ws');

const separator = 0x1e;
const logger = NullLogger.instance;

// One client.  Its bytes are a stream: a message ends where the protocol says.
class Connection {
  constructor(hub) {
    this.hub = hub;
    this.input = Buffer.alloc(0);
    this.output = [];
    this.pings = 0;
  }

  receive(chunk) {
    this.input = Buffer.concat([this.input, chunk]);

    if (this.protocol === undefined) {
      const end = this.input.indexOf(separator);
      if (end === -1) return;

      const { protocol } = JSON.parse(this.input.toString('utf8', 0, end));
      this.input = this.input.subarray(end + 1);
      this.protocol = protocol === 'messagepack'
        ? new MessagePackHubProtocol() : new JsonHubProtocol();
      this.write(Buffer.from('{}\x1e'));
    }

    for (const message of this.messages()) this.dispatch(message);
  }

  messages() {
    const json = this.protocol instanceof JsonHubProtocol;
    const end = json ? this.input.lastIndexOf(separator) + 1
      : this.wholeMessages();
    const whole = this.input.subarray(0, end);

    this.input = this.input.subarray(end);
    if (end === 0) return [];
    return this.protocol.parseMessages(
      json ? whole.toString() : new Uint8Array(whole).buffer, logger);
  }

  // MessagePack messages have a length of 7 bits a byte before them.
  wholeMessages() {
    let end = 0;

    for (;;) {
      let length = 0;
      let at = end;
      for (let shift = 0; ; shift += 7) {
        if (at >= this.input.length) return end;
        length += (this.input[at] & 0x7f) * 2 ** shift;
        if (this.input[at++] < 0x80) break;
      }
      if (at + length > this.input.length) return end;
      end = at + length;
    }
  }

  dispatch(message) {
    switch (message.type) {
      case MessageType.Invocation:
        this.hub.methods[message.target]?.(this, message.arguments);
        break;
      case MessageType.StreamItem:
        this.hub.methods.item(this, message.item);
        break;
      case MessageType.Ping:
        this.send({ type: MessageType.Ping });
        this.invoke('Beats', [++this.pings]);
        break;
    }
  }

  invoke(target, args) {
    this.send({ type: MessageType.Invocation, target, arguments: args,
      headers: {}, streamIds: [] });
  }

  send(message) {
    this.write(Buffer.from(this.protocol.writeMessage(message)));
  }

  // Until the transport takes it.
  write(bytes) {
    this.output.push(bytes);
    this.flush?.();
  }

  take() {
    return Buffer.concat(this.output.splice(0));
  }
}

class Hub {
  constructor(methods) {
    this.methods = methods;
    this.connections = new Map();
    this.sockets = new WebSocketServer({ noServer: true,
      perMessageDeflate: true });
  }

  request(request, response) {
    const url = new URL(request.url, 'http://hub');
    const connection = this.connections.get(url.searchParams.get('id'));

    if (url.pathname === '/chat/negotiate') {
      this.negotiate(response);
    } else if (connection === undefined) {
      response.writeHead(404).end();
    } else if (request.method === 'POST') {
      this.post(connection, request, response);
    } else if (request.method === 'DELETE') {
      this.connections.delete(url.searchParams.get('id'));
      connection.flush?.();
      response.writeHead(202).end();
    } else if (request.headers.accept === 'text/event-stream') {
      this.events(connection, response);
    } else {
      this.poll(connection, response);
    }
  }

  negotiate(response) {
    const id = randomBytes(16).toString('base64url');
    const transferFormats = ['Text', 'Binary'];

    this.connections.set(id, new Connection(this));
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({
      connectionId: id, connectionToken: id, negotiateVersion: 1,
      availableTransports: [
        { transport: 'WebSockets', transferFormats },
        { transport: 'ServerSentEvents', transferFormats: ['Text'] },
        { transport: 'LongPolling', transferFormats },
      ],
    }));
  }

  post(connection, request, response) {
    const body = [];

    request.on('data', (chunk) => body.push(chunk));
    request.on('end', () => {
      response.end();
      connection.receive(Buffer.concat(body));
    });
  }

  events(connection, response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    connection.flush = () => {
      const text = connection.take().toString();
      if (text !== '') response.write(`data: ${text}\r\n\r\n`);
    };
    response.write(':\r\n\r\n');
    connection.flush();
  }

  // The first poll only opens the transport.
  poll(connection, response) {
    if (!connection.polled) {
      connection.polled = true;
      response.end();
      return;
    }

    connection.flush = () => {
      connection.flush = undefined;
      const bytes = connection.take();
      response.writeHead(bytes.length > 0 ? 200 : 204).end(bytes);
    };
    if (connection.output.length > 0) connection.flush();
  }

  upgrade(request, socket, head) {
    const id = new URL(request.url, 'http://hub').searchParams.get('id');
    const connection = this.connections.get(id);

    this.sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('message', (data) => connection.receive(data));
      ws.on('error', () => {});
      connection.flush = () => ws.send(connection.take(),
        { binary: connection.protocol instanceof MessagePackHubProtocol });
    });
  }

  stop(app) {
    app.close();
    app.closeAllConnections();
  }
}

module.exports = { Hub };
