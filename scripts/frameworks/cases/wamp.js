// WAMP 2: autobahn-js and Debian's python3-autobahn against fox-wamp.  The text
// is an argument of a call, or one by name of a publication.  The server's side
// is a second client, without NGINX.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Child, until } = require('../lib/process.js');

const procedure = 'com.example.say';
const topic = 'com.example.chat';
const echo = 'com.example.echo';

function connect(port, opened) {
  const autobahn = require('autobahn');
  const connection = new autobahn.Connection({
    url: `ws://127.0.0.1:${port}/ws`, realm: 'realm1', max_retries: -1,
    initial_retry_delay: 0.05, max_retry_delay: 0.05,
    on_user_error: () => {}, on_internal_error: () => {},
  });

  connection.onopen = opened;
  connection.onclose = () => false;
  connection.open();
  return connection;
}

async function server({ heard }) {
  const Router = require('fox-wamp');
  const { Result } = require('autobahn');
  const sockets = new Router().listenWAMP({ host: '127.0.0.1', port: 0 });
  const port = await until('fox-wamp listens', () => sockets.address()?.port);
  let ready = false;

  const application = connect(port, async (session) => {
    await session.register(procedure, ([text]) => {
      heard(text);
      // fox-wamp makes null of none by name, which Python refuses.
      return new Result([text], { heard: true });
    });
    await session.subscribe(topic, (_, { text }) => {
      heard(text);
      session.publish(echo, [text]);
    });
    ready = true;
  });
  await until('the procedure is registered', () => ready);

  return {
    port,
    stop: () => {
      application.close();
      sockets.close();
    },
  };
}

function javascript(way) {
  return async (port, { up, got }) => {
    let session;
    const connection = connect(port, async (opened) => {
      session = opened;
      await session.subscribe(echo, ([text]) => got(text));
      up();
    });

    return {
      send: (text) => {
        if (way === 'publish') session.publish(topic, [], { text });
        else session.call(procedure, [text]).then(({ args }) => got(args[0]),
          () => {});
      },
      close: () => connection.close(),
    };
  };
}

// It speaks JSON lines with us.
async function python(port, { up, got, dir }) {
  const child = new Child(path.join(dir, 'wamp_client.log'),
    '/usr/bin/python3', [path.join(__dirname, '../servers/wamp_client.py'),
      `ws://127.0.0.1:${port}/ws`, procedure], {
      lines: (line) => {
        const said = JSON.parse(line);
        if (said.joined) up();
        else got(said.text);
      },
    });

  return {
    send: (text) => child.process.stdin.write(`${JSON.stringify(text)}\n`),
    close: async () => {
      child.process.stdin.end();
      await child.gone;
    },
  };
}

module.exports = [{
  name: 'wamp-autobahn-js', decoder: 'wamp2', server,
  cases: [
    { name: 'call', event: procedure, path: '$[0]',
      client: javascript('call') },
    { name: 'publish', event: topic, path: '$kwargs.text',
      client: javascript('publish') },
  ],
}, {
  name: 'wamp-autobahn-python', decoder: 'wamp2', server,
  missing: () => !fs.existsSync('/usr/lib/python3/dist-packages/autobahn')
    && 'apt-get install python3-autobahn',
  cases: [{ name: 'call', event: procedure, path: '$[0]', client: python }],
}];
