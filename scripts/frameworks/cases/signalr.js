// Microsoft's SignalR client against a hub on its own protocol classes, over
// its three transports.

'use strict';

const http = require('node:http');
const { listen, until } = require('../lib/process.js');
const { Hub } = require('../servers/signalr.js');

async function server({ heard }) {
  const hub = new Hub({
    Say(connection, [text]) {
      heard(text);
      connection.invoke('Said', [text]);
    },
    // The items of a stream that the client uploads.
    item(connection, text) {
      heard(text);
      connection.invoke('Said', [text]);
    },
  });
  const app = http.createServer((request, response) =>
    hub.request(request, response));

  app.on('upgrade', (...args) => hub.upgrade(...args));
  return { port: await listen(app), stop: () => hub.stop(app) };
}

function client(transport, { messagepack, stream } = {}) {
  return async (port, { up, got }) => {
    const signalr = require('@microsoft/signalr');
    const builder = new signalr.HubConnectionBuilder()
      .withUrl(`http://127.0.0.1:${port}/chat`, {
        transport: signalr.HttpTransportType[transport],
      })
      .withAutomaticReconnect({ nextRetryDelayInMilliseconds: () => 50 })
      .configureLogging(signalr.LogLevel.None);

    if (messagepack) {
      const { MessagePackHubProtocol } =
        require('@microsoft/signalr-protocol-msgpack');
      builder.withHubProtocol(new MessagePackHubProtocol());
    }

    const hub = builder.build();
    let beats = 0;
    let subject;

    async function start() {
      if (stream) {
        subject = new signalr.Subject();
        await hub.send('Upload', subject);
      }
      up();
    }

    hub.keepAliveIntervalInMilliseconds = 200;
    hub.on('Said', got);
    hub.on('Beats', () => beats++);
    hub.onreconnected(start);
    await hub.start();
    await start();

    return {
      send: (text) => stream ? subject.next(text) : hub.send('Say', text),
      // The hub tells of the pings that it received.
      // A client that polls sends none.
      beats: transport === 'LongPolling' ? undefined
        : () => until('heartbeats', () => beats >= 2),
      close: () => hub.stop(),
    };
  };
}

const said = { event: 'Say', path: '$[0]' };
const request = { ...said, polling: true, after: 'stays' };

module.exports = [{
  name: 'signalr', quick: true, decoder: 'signalr', server,
  cases: [
    { name: 'json', ...said, client: client('WebSockets') },
    { name: 'messagepack', ...said,
      client: client('WebSockets', { messagepack: true }) },
    { name: 'json-upload-stream', client: client('WebSockets',
      { stream: true }) },
    { name: 'messagepack-upload-stream', client: client('WebSockets',
      { messagepack: true, stream: true }) },
    { name: 'json-sse', ...request, client: client('ServerSentEvents') },
    { name: 'json-long-polling', ...request, client: client('LongPolling') },
    { name: 'messagepack-long-polling', ...request,
      client: client('LongPolling', { messagepack: true }) },
  ],
}];
