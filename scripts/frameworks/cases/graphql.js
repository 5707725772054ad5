// graphql-ws and subscriptions-transport-ws.  The text is a variable, or
// written into the document.

'use strict';

const http = require('node:http');
const { listen, until } = require('../lib/process.js');

function schema(heard) {
  const { buildSchema } = require('graphql');
  const built = buildSchema(`
    type Query { hello: String }
    type Mutation { say(text: String!): String }
    type Subscription { said: String }
  `);

  built.getMutationType().getFields().say.resolve = (_, { text }) => {
    heard(text);
    return text;
  };
  return built;
}

const ways = {
  variable: (text) => ({
    operationName: 'Say',
    query: 'mutation Say($text: String!) { say(text: $text) }',
    variables: { text },
  }),
  literal: (text) => ({
    operationName: 'Say',
    query: `mutation Say { say(text: ${JSON.stringify(text)}) }`,
  }),
};

async function transport({ heard }) {
  const { useServer } = require('graphql-ws/use/ws');
  const { WebSocketServer } = require('ws');
  const app = http.createServer();
  const sockets = new WebSocketServer({ server: app, path: '/graphql',
    perMessageDeflate: true });

  useServer({ schema: schema(heard) }, sockets, 1000);
  return { port: await listen(app), stop: () => app.close() };
}

function transportClient(way) {
  return async (port, { up, got }) => {
    const { createClient } = require('graphql-ws');
    let beats = 0;
    const it = createClient({
      url: `ws://127.0.0.1:${port}/graphql`,
      webSocketImpl: require('ws').WebSocket,
      lazy: false, keepAlive: 200, onNonLazyError: () => {},
      on: { connected: up, pong: () => beats++ },
    });

    return {
      send: (text) => it.subscribe(ways[way](text), {
        next: ({ data }) => got(data.say), error: () => {}, complete: () => {},
      }),
      beats: () => until('heartbeats', () => beats >= 2),
      close: () => it.dispose(),
    };
  };
}

async function legacy({ heard }) {
  const { execute, subscribe } = require('graphql');
  const { SubscriptionServer } = require('subscriptions-transport-ws');
  const app = http.createServer();

  SubscriptionServer.create({
    schema: schema(heard), execute, subscribe, keepAlive: 200,
  }, { server: app, path: '/graphql' });
  return { port: await listen(app), stop: () => app.close() };
}

function legacyClient(way) {
  return async (port, { up, got }) => {
    const { SubscriptionClient } = require('subscriptions-transport-ws');
    const it = new SubscriptionClient(`ws://127.0.0.1:${port}/graphql`,
      { reconnect: true }, require('ws').WebSocket);
    const pending = new Set();

    it.onConnected(up);
    it.onReconnected(up);
    it.onError(() => {});
    // It would send what is not answered again, attacks too.
    it.onDisconnected(() => pending.forEach((one) => one.unsubscribe()));

    return {
      send: (text) => {
        const one = it.request(ways[way](text)).subscribe({
          next: ({ data }) => got(data.say), error: () => {},
          complete: () => pending.delete(one),
        });
        pending.add(one);
      },
      close: () => it.close(),
    };
  };
}

const event = 'Say';

function cases(client, after) {
  return [
    { name: 'variable', event, path: '$.variables.text', after,
      client: client('variable') },
    { name: 'literal', event, path: '$.query', after,
      client: client('literal') },
  ];
}

module.exports = [
  // 1008 is final for this client: it connects again when it is used.
  { name: 'graphql-ws', decoder: 'graphql', server: transport,
    cases: cases(transportClient, 'stays') },
  { name: 'subscriptions-transport-ws', decoder: 'graphql', server: legacy,
    cases: cases(legacyClient) },
];
