// Pusher's client against a server of ours that speaks version 7 of its
// protocol.

'use strict';

const http = require('node:http');
const { listen, until } = require('../lib/process.js');

const channel = 'private-chat';
const event = 'client-say';

async function server({ heard }) {
  const { WebSocketServer } = require('ws');
  const app = http.createServer();
  const sockets = new WebSocketServer({ server: app, perMessageDeflate: true });

  sockets.on('connection', (socket) => {
    // What the server says has its data in a string.
    const send = (name, data, more) => socket.send(
      JSON.stringify({ event: name, ...more, data: JSON.stringify(data) }));

    socket.on('error', () => {});
    socket.on('message', (message) => {
      const it = JSON.parse(message);

      if (it.event === 'pusher:subscribe') {
        send('pusher_internal:subscription_succeeded', {}, { channel });
      } else if (it.event === 'pusher:ping') {
        send('pusher:pong', {});
      } else if (it.event === event) {
        heard(it.data.text);
        send('said', it.data, { channel });
      }
    });
    send('pusher:connection_established',
      { socket_id: '1.1', activity_timeout: 1 });
  });

  return { port: await listen(app), stop: () => app.close() };
}

async function client(port, { up, got }) {
  const Pusher = require('pusher-js');
  let beats = 0;
  const pusher = new Pusher('key', {
    cluster: '', wsHost: '127.0.0.1', wsPort: port, forceTLS: false,
    enabledTransports: ['ws'], disableStats: true, activityTimeout: 1000,
    channelAuthorization: {
      customHandler: (_, done) => done(null, { auth: 'key:signature' }),
    },
  });
  const subscription = pusher.subscribe(channel);

  subscription.bind('pusher:subscription_succeeded', up);
  subscription.bind('said', ({ text }) => got(text));
  pusher.connection.bind('message', ({ event: name }) => {
    if (name === 'pusher:pong') beats++;
  });

  return {
    send: (text) => { subscription.trigger(event, { text }); },
    beats: () => until('heartbeats', () => beats >= 1),
    close: async () => pusher.disconnect(),
  };
}

module.exports = [{
  name: 'pusher', decoder: 'pusher', server,
  cases: [{ name: 'client-event', event,
    path: '$.text', client }],
}];
