// @stomp/stompjs against Debian's RabbitMQ (web-stomp), also inside SockJS.
// The server's side is a second client, without NGINX.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Child, freePort, listen, until } = require('../lib/process.js');

const destination = '/topic/chat';

// Calls message(frame, client) for each frame of the topic.
function stomp(webSocketFactory, options, connected, message) {
  const { Client } = require('@stomp/stompjs');
  const client = new Client({
    webSocketFactory, reconnectDelay: 50, heartbeatIncoming: 1000,
    heartbeatOutgoing: 1000, ...options,
    onConnect: () => {
      client.subscribe(destination, message);
      connected();
    },
  });

  client.activate();
  return client;
}

function webSocket(url, protocols = ['v12.stomp', 'v11.stomp', 'v10.stomp']) {
  const { WebSocket } = require('ws');
  return () => new WebSocket(url, protocols);
}

async function observer(url, heard, options) {
  const probe = 'is the observer subscribed?';
  let ready = false;
  const client = stomp(webSocket(url), options,
    () => client.publish({ destination, body: probe }),
    (frame) => {
      if (frame.body === probe) ready = true;
      else heard(read(frame));
    });

  await until('the observer is subscribed', () => ready);
  return client;
}

function read(frame) {
  if (frame.headers['x-note'] !== undefined) return frame.headers['x-note'];
  return frame.headers['content-type'] === 'application/json'
    ? JSON.parse(frame.body).text : frame.body;
}

const ways = {
  text: (text) => ({ body: text }),
  json: (text) => ({
    body: JSON.stringify({ text }),
    headers: { 'content-type': 'application/json' },
  }),
  header: (text) => ({ body: 'see the note', headers: { 'x-note': text } }),
};

function client(factory, way, options) {
  return async (port, { up, got }) => {
    let beats = 0;
    const it = stomp(factory(port), {
      ...options,
      debug: (line) => { if (/^(>>> PING|<<< PONG)$/.test(line)) beats++; },
    }, up, (frame) => got(read(frame)));

    return {
      send: (text) => it.publish({ destination, ...ways[way](text) }),
      beats: () => until('heartbeats', () => beats >= 4),
      close: () => it.deactivate(),
    };
  };
}

// Where Debian has the programs that need not be root.
function rabbitHome() {
  const base = '/usr/lib/rabbitmq/lib';
  const name = fs.existsSync(base) && fs.readdirSync(base)
    .find((entry) => entry.startsWith('rabbitmq_server-'));
  return name ? path.join(base, name) : undefined;
}

// A node of its own, with its own port mapper, all on the loopback interface.
async function rabbitmq(dir) {
  const [epmdPort, distPort, port] =
    [await freePort(), await freePort(), await freePort()];
  const file = (name) => path.join(dir, name);

  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(file('rabbitmq.conf'), `listeners.tcp = none
stomp.listeners.tcp = none
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = ${port}
log.file = rabbitmq.log
`);
  fs.writeFileSync(file('advanced.config'),
    '[{kernel, [{inet_dist_use_interface, {127,0,0,1}}]}].\n');
  fs.writeFileSync(file('plugins'), '[rabbitmq_web_stomp].\n');

  const epmd = new Child(file('epmd.log'), 'epmd',
    ['-address', '127.0.0.1', '-port', String(epmdPort)]);
  await epmd.listening({ port: epmdPort, host: '127.0.0.1' });

  const server = new Child(file('stdout.log'),
    path.join(rabbitHome(), 'sbin', 'rabbitmq-server'), [], {
      cwd: dir,
      env: {
        ...process.env, HOME: dir, ERL_EPMD_PORT: epmdPort,
        ERL_EPMD_ADDRESS: '127.0.0.1', RABBITMQ_DIST_PORT: distPort,
        RABBITMQ_NODENAME: `wsi${port}@localhost`,
        RABBITMQ_MNESIA_BASE: file('mnesia'), RABBITMQ_LOG_BASE: file('log'),
        RABBITMQ_ENABLED_PLUGINS_FILE: file('plugins'),
        RABBITMQ_CONFIG_FILE: file('rabbitmq.conf'),
        RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config'),
        RABBITMQ_CONF_ENV_FILE: '/dev/null', RABBITMQ_PID_FILE: file('pid'),
        RABBITMQ_FEATURE_FLAGS_FILE: file('feature_flags'),
      },
    });
  await server.listening({ port, host: '127.0.0.1' }, 60000);

  return {
    port,
    stop: async () => {
      await server.stop('SIGKILL');
      await epmd.stop();
    },
  };
}

const guest = { connectHeaders: { login: 'guest', passcode: 'guest' } };

async function rabbit({ dir, heard }) {
  const server = await rabbitmq(path.join(dir, 'rabbitmq'));
  const watch = await observer(`ws://127.0.0.1:${server.port}/ws`, heard,
    guest);

  return {
    port: server.port,
    stop: async () => {
      await watch.deactivate();
      await server.stop();
    },
  };
}

// SockJS in front of RabbitMQ, which has none of its own any more.
async function rabbitSockJS(context) {
  const { WebSocket } = require('ws');
  const server = await rabbit(context);
  const app = http.createServer();
  const relay = require('sockjs').createServer({ log: () => {} });

  relay.on('connection', (session) => {
    const behind = new WebSocket(`ws://127.0.0.1:${server.port}/ws`,
      ['v12.stomp']);
    const early = [];

    session.on('data', (data) => {
      if (behind.readyState === WebSocket.OPEN) behind.send(data);
      else early.push(data);
    });
    behind.on('open', () => early.splice(0).forEach((d) => behind.send(d)));
    behind.on('message', (data) => session.write(data.toString()));
    behind.on('close', () => session.close());
    behind.on('error', () => session.close());
    session.on('close', () => behind.close());
  });
  relay.installHandlers(app, { prefix: '/stomp' });

  return {
    port: await listen(app),
    stop: async () => {
      app.close();
      app.closeAllConnections();
      await server.stop();
    },
  };
}

function sockjs(port) {
  const SockJS = require('sockjs-client');
  return () => new SockJS(`http://127.0.0.1:${port}/stomp`, null,
    { transports: ['websocket'] });
}

function missing() {
  return rabbitHome() === undefined && 'apt-get install rabbitmq-server';
}

const event = destination;
const ws = (version) => (port) =>
  webSocket(`ws://127.0.0.1:${port}/ws`, version && [version]);

module.exports = [{
  name: 'stomp-rabbitmq', quick: true, decoder: 'stomp', server: rabbit, missing,
  cases: [
    { name: 'text', event, path: '$', client: client(ws(), 'text', guest) },
    { name: 'json', event, path: '$.text', client: client(ws(), 'json',
      guest) },
    { name: 'header', event, path: "$header['x-note']",
      client: client(ws(), 'header', guest) },
    { name: 'version-1.0', event, path: '$',
      client: client(ws('v10.stomp'), 'text', guest) },
  ],
}, {
  name: 'stomp-rabbitmq-sockjs', decoder: 'stomp', server: rabbitSockJS,
  missing,
  cases: [
    { name: 'text', event, path: '$', client: client(sockjs, 'text', guest) },
  ],
}];
