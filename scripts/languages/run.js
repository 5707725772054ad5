// Every client talks to the echo server directly and through NGINX with the
// module: there must be no difference, but for an attack.
//
// usage: node run.js DIRECTORY CLIENT ...
//
// DIRECTORY is where logs/, the configuration and the certificate are; the
// environment is that of scripts/env.sh.

'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const clients = require('./clients');
const conversation = require('./conversation');
const echo = require('./echo');
const Relay = require('./relay');

const [directory, ...chosen] = process.argv.slice(2);
const patience = 60000;
const { attack } = conversation;

// The locations: how each differs from the two lines of a configuration.
const variants = [
  { name: 'block' },
  { name: 'small buffers', location: 'proxy_buffer_size 512;' },
  { name: 'both directions',
    location: 'wallarm_websocket_response_mode block;' },
  { name: 'tls', tls: true },
  { name: 'monitoring', location: 'wallarm_mode monitoring;', passes: true },
];

function configuration(backend) {
  const user = process.getuid() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path temp/${kind};`).join('\n');

  return `
load_module ${process.env.WSI_MODULE};
wallarm_websocket_library ${process.env.WSI_LIBRARY};
daemon off;
pid logs/nginx.pid;
error_log logs/error.log info;
${user}
events {}
http {
${temporary}
ssl_certificate cert.pem;
ssl_certificate_key key.pem;
log_format verdict '$status $wallarm_websocket_verdict '
                   '$wallarm_websocket_messages $wallarm_websocket_uninspected';
${variants.map((v, i) => `
server {
    listen 127.0.0.1:${v.port}${v.tls ? ' ssl' : ''};
    access_log logs/access${i}.log verdict;
    wallarm_event_log logs/events${i}.json;
    location / {
        proxy_pass http://127.0.0.1:${backend};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        wallarm_parse_websocket on;
        # 1 MiB has to be judged in time on a machine that is busy.
        wallarm_process_time_limit 30s;
        ${v.location ?? ''}
    }
}`).join('')}
}
`;
}

function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

async function freePort() {
  const server = net.createServer();
  const port = await listen(server);

  await new Promise((resolve) => server.close(resolve));

  return port;
}

// Until f() is truthy, for what nothing announces.
async function eventually(what, f) {
  for (const until = Date.now() + patience; Date.now() < until;) {
    const value = await f();

    if (value) {
      return value;
    }
    await sleep(10);
  }
  throw new Error(`did not happen: ${what}`);
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');

    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

function logLines(name) {
  const file = path.join(directory, 'logs', name);

  return fs.existsSync(file)
    ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

// What has been written to a log since the last call for it.
const seen = {};

function fresh(name) {
  const lines = logLines(name).slice(seen[name] ?? 0);

  seen[name] = (seen[name] ?? 0) + lines.length;

  return lines;
}

async function startNginx(backend) {
  for (const variant of variants) {
    variant.port = await freePort();
  }
  fs.writeFileSync(path.join(directory, 'nginx.conf'), configuration(backend));

  const out = fs.openSync(path.join(directory, 'logs/stderr.log'), 'w');
  const nginx = spawn(process.env.WSI_NGINX,
    ['-p', directory, '-c', 'nginx.conf'], { stdio: ['ignore', out, out] });

  nginx.ended = new Promise((resolve) => nginx.on('exit', resolve));
  await eventually('NGINX listens', async () => {
    assert.equal(nginx.exitCode, null,
      `NGINX did not start: ${logLines('stderr.log').join('\n')}`);
    return (await Promise.all(variants.map((v) => accepts(v.port))))
      .every(Boolean);
  });

  return nginx;
}

function run(client, url, file) {
  return new Promise((resolve, reject) => {
    const [command, ...args] = client.run;
    const child = spawn(command, [...args, url, file],
      { stdio: ['ignore', 'pipe', 'pipe'], timeout: patience,
        killSignal: 'SIGKILL', cwd: __dirname });
    const output = { stdout: '', stderr: '' };

    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8');
      child[name].on('data', (data) => { output[name] += data; });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(output.stdout.trimEnd().split('\n'));
      } else {
        reject(new Error(`exit ${signal ?? code}: ${output.stdout.slice(-500)}${
          output.stderr.slice(-500)}`));
      }
    });
  });
}

// Two lists of lines: where they part.
function same(actual, expected, what) {
  for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
    assert.equal(actual[i], expected[i], `${what}, line ${i + 1}: ${
      actual[i]} instead of ${expected[i]}`);
  }
}

// The headers that the peers agree by, without the key, which is random.
function handshake(head) {
  return head.split('\r\n').filter((line) => /^sec-websocket-/i.test(line)
    && !/^sec-websocket-(key|accept):/i.test(line))
    .map((line) => line.toLowerCase()).sort();
}

// The connection on either side of NGINX.
function sameBytes(near, far) {
  const key = (head) => /^sec-websocket-(?:key|accept): *(.*)$/im.exec(head)[1];

  for (const part of ['request', 'response']) {
    same(handshake(far[part]), handshake(near[part]), part);
    assert.equal(key(far[part]), key(near[part]), `key in the ${part}`);
  }
  for (const part of ['sent', 'answered']) {
    assert.ok(far[part].equals(near[part]), `${part}: ${near[part].length} ${
      far[part].length} bytes differ on the sides of NGINX`);
  }
}

class Test {
  constructor(direct, behind, received) {
    this.direct = direct;
    this.behind = behind;
    this.received = received;
  }

  // One conversation: what the client printed, what the server got, and the
  // one connection on the client's side and on the server's.
  async talk(client, url, near, name) {
    const transcript = await run(client, url, path.join(directory, name));
    const sides = {};

    // A server may hear of the end later than its client.
    const got = await eventually('the server sees the end', () =>
      this.received.some((line) => line.startsWith('close'))
      && this.received.splice(0));

    for (const [side, relay] of [['near', near], ['far', this.behind]]) {
      const connections = await relay.take();

      assert.ok(connections.length <= 1, 'one connection');
      sides[side] = connections[0];
    }

    return { transcript, got, ...sides };
  }

  // Also what has to hold without NGINX, so that nothing passes by silence.
  async alone(client) {
    const url = `ws://127.0.0.1:${this.direct.port}/`;

    client.benign = await this.talk(client, url, this.direct, 'benign');
    same(client.benign.transcript.slice(2),
      conversation.transcript(conversation.benign, client.without), 'client');
    same(client.benign.got,
      conversation.received(conversation.benign, client.without), 'server');

    client.attacking = await this.talk(client, url, this.direct, 'attacking');
    same(client.attacking.got,
      conversation.received(conversation.attacking), 'server');
  }

  url(variant) {
    return `${variant.tls ? 'wss' : 'ws'}://127.0.0.1:${variant.relay.port}/`;
  }

  async access(variant) {
    const name = `access${variants.indexOf(variant)}.log`;

    return eventually(`a line in ${name}`, () =>
      fresh(name).filter((line) => line.startsWith('101 '))[0]);
  }

  events(variant) {
    return fresh(`events${variants.indexOf(variant)}.json`)
      .map((line) => JSON.parse(line));
  }

  async benign(client, variant) {
    const { transcript, got, near, far } =
      await this.talk(client, this.url(variant), variant.relay, 'benign');

    same(transcript, client.benign.transcript, 'client');
    same(got, client.benign.got, 'server');
    for (const part of ['request', 'response']) {
      same(handshake(far[part]), handshake(client.benign.near[part]), part);
    }
    if (!variant.tls) {
      sameBytes(near, far);
    }

    const messages = got.filter((line) => /^(text|binary)/.test(line)).length;

    // both directions are looked at
    assert.equal(await this.access(variant), `101 allow ${2 * messages} 0`);
    assert.equal(this.events(variant).length, 0, 'an event was logged');

    return `${far.sent.length} bytes to the server, ${
      far.answered.length} back`;
  }

  async attack(client, variant) {
    const { transcript, got } =
      await this.talk(client, this.url(variant), variant.relay, 'attacking');
    const last = transcript[transcript.length - 1];
    const access = await this.access(variant);
    const events = this.events(variant);

    if (variant.passes) {
      same(transcript, client.attacking.transcript, 'client');
      same(got, client.attacking.got, 'server');
      assert.match(access, /^101 attack /);
    } else {
      same(transcript.slice(0, -1), client.attacking.transcript.slice(0, 3),
        'client');
      assert.match(last, /^close 1008/);
      assert.equal(got[0], 'text 5');
      assert.match(got[1], /^close /);
      assert.equal(got.length, 2, `the server received ${got}`);
      assert.match(access, /^101 drop /);
    }

    const action = variant.passes ? 'monitored' : 'blocked';
    const [{ event, wallarm }] = events;
    const payload = Buffer.from(wallarm.payload_base64, 'base64').toString();

    assert.equal(event.action, action);
    assert.equal(wallarm.attack.type, 'xss');
    assert.equal(payload, attack);

    return variant.passes ? 'attack logged'
      : `attack: the client reports "${last}", the server "${got[1]}"`;
  }
}

// Why the client cannot run here.
function missing(client) {
  const [command, ...args] = client.check ?? [client.run[0], '--version'];
  const { status } = spawnSync(command, args, { stdio: 'ignore' });

  return status === 0 ? undefined : `install ${client.debian}`;
}

function build(client) {
  const [command, ...args] = client.build;
  const { status, stderr, stdout } = spawnSync(command, args,
    { cwd: __dirname, encoding: 'utf8' });

  assert.equal(status, 0, `${stdout}${stderr}`);
}

async function main() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const unknown = chosen.filter((name) =>
    !clients.some((client) => client.name === name));

  assert.deepEqual(unknown, [], 'no such client');

  for (const name of ['benign', 'attacking']) {
    fs.writeFileSync(path.join(directory, name),
      conversation.file(conversation[name]));
  }

  const received = [];
  const server = echo((kind, data) => received.push(`${kind} ${data.length}`));
  const backend = await listen(server);
  const direct = await new Relay(backend).listen();
  const behind = await new Relay(backend).listen();
  const nginx = await startNginx(behind.port);

  for (const variant of variants) {
    variant.relay = await new Relay(variant.port).listen();
  }

  const test = new Test(direct, behind, received);

  async function attempt(title, f) {
    try {
      console.log(`ok ${title}: ${await f()}`);
      counts.passed++;
      return true;
    } catch (error) {
      console.log(`FAIL ${title}: ${error.message}`);
      counts.failed++;
      // nothing of it counts for the next one
      await sleep(500);
      received.length = 0;
      for (const relay of [direct, behind, ...variants.map((v) => v.relay)]) {
        relay.connections.length = 0;
      }
      variants.forEach((v, i) => {
        fresh(`access${i}.log`);
        fresh(`events${i}.json`);
      });
      return false;
    }
  }

  for (const client of clients) {
    if (chosen.length > 0 && !chosen.includes(client.name)) {
      continue;
    }

    const why = missing(client);

    if (why) {
      console.log(`skip ${client.name}: ${why}`);
      counts.skipped++;
      continue;
    }

    const there = await attempt(`${client.name}, without NGINX`, async () => {
      if (client.build) {
        build(client);
      }
      await test.alone(client);
      return `${client.benign.transcript[0].slice(7)}, ${
        handshake(client.benign.near.response).join(', ')}`;
    });

    for (const variant of there ? variants : []) {
      await attempt(`${client.name}, ${variant.name}`, async () =>
        `${await test.benign(client, variant)}; ${
          await test.attack(client, variant)}`);
    }
  }

  nginx.kill('SIGQUIT');
  await nginx.ended;
  for (const line of logLines('error.log')) {
    if (/\[(alert|emerg|crit)\]|exited on signal|panic/.test(line)) {
      console.log(`FAIL error.log: ${line}`);
      counts.failed++;
    }
  }

  console.log(`${counts.passed} passed, ${counts.failed} failed, ${
    counts.skipped} skipped`);
  process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
