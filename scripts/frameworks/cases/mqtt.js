// MQTT.js against Debian's Mosquitto and aedes.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { Child, listen, until } = require('../lib/process.js');
const { Recorder } = require('../lib/recorder.js');
const texts = require('../lib/texts.js');

const topic = 'chat/room';

function connect(url, options) {
  const mqtt = require('mqtt');

  return mqtt.connect(url, {
    reconnectPeriod: 50, keepalive: 2, clean: true, ...options,
  });
}

const ways = {
  payload: {
    write: (text) => [text, {}],
    read: (payload) => payload.toString(),
  },
  // A user property of MQTT 5.
  property: {
    write: (text) => ['see the note',
      { properties: { userProperties: { note: text } } }],
    read: (_, { properties }) => properties.userProperties.note,
  },
};

function client(protocolVersion, way = 'payload') {
  return async (port, { up, got }) => {
    const it = connect(`ws://127.0.0.1:${port}/mqtt`, { protocolVersion });
    let beats = 0;

    it.on('connect', () => it.subscribe(topic, up));
    it.on('message', (_, payload, packet) =>
      got(ways[way].read(payload, packet)));
    it.on('packetreceive', ({ cmd }) => { if (cmd === 'pingresp') beats++; });
    it.on('error', () => {});

    return {
      send: (text) => it.publish(topic, ...ways[way].write(text)),
      beats: () => until('heartbeats', () => beats >= 1),
      close: () => it.endAsync(),
    };
  };
}

async function aedes({ heard }) {
  const { createWebSocketStream, WebSocketServer } = require('ws');
  const broker = require('aedes')();
  const app = http.createServer();
  const sockets = new WebSocketServer({ server: app });

  sockets.on('connection', (socket) => {
    const stream = createWebSocketStream(socket);
    stream.on('error', () => {});
    broker.handle(stream);
  });
  broker.on('publish', (packet, from) => {
    if (from) heard(packet.payload.toString());
  });

  return {
    port: await listen(app),
    stop: () => {
      app.close();
      broker.close();
    },
  };
}

// Mosquitto listens on every address, whatever it is told: it gets a network
// of its own, and a UNIX socket leads into it.
async function mosquitto({ dir, heard }) {
  const home = path.join(dir, 'mosquitto');
  const socket = path.join(home, 'socket');

  fs.rmSync(home, { recursive: true, force: true });
  fs.mkdirSync(home, { recursive: true });
  fs.writeFileSync(path.join(home, 'mosquitto.conf'), `persistence false
allow_anonymous true
user root
log_dest stderr
listener 1883 127.0.0.1
listener 9001 127.0.0.1
protocol websockets
`);

  const child = new Child(path.join(home, 'log'), 'unshare', [
    ...unshare, process.execPath,
    path.join(__dirname, '../servers/namespace.js'), socket, '9001',
    '/usr/sbin/mosquitto', '-c', path.join(home, 'mosquitto.conf'),
  ]);
  await child.listening({ path: socket });

  const relay = await Recorder.start({ path: socket });
  const watch = connect(`ws://127.0.0.1:${relay.port}/mqtt`, {
    protocolVersion: 5,
  });
  watch.on('message', (_, payload, { properties }) =>
    heard(properties?.userProperties?.note ?? payload.toString()));
  watch.on('error', () => {});
  await new Promise((resolve) => watch.on('connect',
    () => watch.subscribe(topic, resolve)));

  return {
    port: relay.port,
    stop: async () => {
      await watch.endAsync();
      relay.stop();
      await child.stop();
    },
  };
}

const unshare = ['--net', '--map-root-user'];

function missing() {
  if (!fs.existsSync('/usr/sbin/mosquitto')) {
    return 'apt-get install mosquitto';
  }
  const { status } = spawnSync('unshare',
    [...unshare, 'ip', 'link', 'set', 'lo', 'up']);
  return status !== 0 && 'needs a network namespace (root, or user ' +
    'namespaces) and iproute2';
}

const event = topic;

const cases = [
  { name: '3.1.1', event, path: '$', client: client(4) },
  { name: '5', event, path: '$', client: client(5) },
];

module.exports = [
  { name: 'mqtt-aedes', decoder: 'mqtt', server: aedes,
    cases: cases.slice(0, 1) },
  { name: 'mqtt-mosquitto', decoder: 'mqtt', server: mosquitto, missing,
    cases: [...cases,
      { name: '5-user-property', client: client(5, 'property'),
        // MQTT.js sends a packet in pieces, and an event has one of them.
        wire: () => '',
        // Mosquitto refuses control characters.
        texts: texts.benign.filter((text) => !/[\n\t]/.test(text)) }] },
];
