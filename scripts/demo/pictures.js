// The pictures of docs/: the console over what the demo's own NGINX logged while
// people chatted and others attacked them.
//
// usage: node pictures.js URL CONSOLE_URL SAMPLES_DIR IMAGES_DIR SHOTS_DIR

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { launch } = require('./chromium');
const { WebSocket } = require('ws');

const [url, consoleUrl, samples, images, shots] = process.argv.slice(2);

// Each address is a client of its own; all of 127/8 is this machine.
const attackers = [
  { name: 'mallory', address: '127.0.0.66', says: ['xss', 'sqli'], times: 9 },
  { name: 'trudy', address: '127.0.0.71', says: ['sqli', 'nosqli'], times: 8 },
  { name: 'oscar', address: '127.0.0.72', says: ['rce', 'lfi', 'log4shell'], times: 9 },
  { name: 'eve', address: '127.0.0.94', says: ['xss', 'ssti', 'xxe'], times: 7 },
  { name: 'scanner', address: '127.0.0.113', says: ['ssrf', 'php', 'java', 'xpath', 'ldap'], times: 10 },
];
const people = [
  { name: 'Alice', address: '127.0.0.21' },
  { name: 'Bob', address: '127.0.0.22' },
  { name: 'Carol', address: '127.0.0.23' },
];
const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';

function texts(kind) {
  return fs.readFileSync(path.join(samples, `${kind}.jsonl`), 'utf8').split('\n')
    .filter((line) => line !== '').map((line) => JSON.parse(line).text);
}

// One user of the chat, who speaks socket.io by hand from an address of his own.
class User {
  static async join({ name, address }) {
    const user = new User();
    const target = `${url.replace(/^http/, 'ws')}socket.io/?EIO=4&transport=websocket`;

    user.socket = new WebSocket(target, {
      localAddress: address,
      headers: { Origin: url.replace(/\/$/, ''), 'User-Agent': agent },
    });
    user.closed = new Promise((resolve) => { user.socket.on('close', resolve); });
    user.socket.on('error', () => {});
    await new Promise((resolve, reject) => {
      user.socket.on('message', (data) => {
        switch (/^(?:40|\d)/.exec(String(data))?.[0]) {
          case '0': user.socket.send('40'); break;
          case '2': user.socket.send('3'); break;
          case '40': resolve(); break;
        }
      });
      user.closed.then(() => reject(new Error(`${name} did not get in`)));
    });
    user.say('join', name);

    return user;
  }

  say(event, text) {
    this.socket.send(`42${JSON.stringify([event, text])}`);
  }
}

async function attack(attacker) {
  const words = attacker.says.map((kind) => texts(`attack-${kind}`));

  for (let n = 0; n < attacker.times; n++) {
    const user = await User.join(attacker);
    const list = words[n % words.length];

    await sleep(200 + 200 * (n % 5));
    user.say('message', list[(3 * n) % list.length]);
    // Not every one of these is an attack in a chat: then he leaves.
    await Promise.race([user.closed, sleep(700)]);
    user.socket.close();
    await user.closed;
    await sleep(500 + 600 * (n % 4));
  }
}

// Breaks the protocol: a text that is not UTF-8, and a frame of a reserved bit.
async function clumsy(bytes, address) {
  const user = await User.join({ name: 'Dave', address });

  await sleep(300);
  user.socket._socket.write(Buffer.from(bytes));
  await user.closed;
}

async function story() {
  const chat = texts('benign-chat');
  const room = await Promise.all(people.map((one) => User.join(one)));
  let over = false;
  const talk = (async () => {
    for (let n = 0; !over; n++) {
      room[n % room.length].say('message', chat[n % chat.length]);
      await sleep(400);
    }
  })();

  await Promise.all([
    ...attackers.map(attack),
    clumsy([0x81, 0x83, 0, 0, 0, 0, 0xff, 0xfe, 0xfd], '127.0.0.31'),
    clumsy([0xf1, 0x81, 0, 0, 0, 0, 0x61], '127.0.0.32'),
  ]);
  over = true;
  await talk;

  return room;
}

async function api(what) {
  const response = await fetch(`${consoleUrl}/api${what}`);

  assert.equal(response.status, 200, what);
  return response.json();
}

// Waits until the console has read what there is.
async function settled() {
  for (let n = 0, before = -1; n < 100; n++) {
    const { events, logs } = await api('/health');

    if (events > 0 && events === before && logs.every((log) => !log.behind_bytes)) {
      return;
    }
    before = events;
    await sleep(300);
  }
  throw new Error('the console does not come to the end of the log');
}

const looks = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  phone: {
    colorScheme: 'light', viewport: { width: 390, height: 800 }, isMobile: true,
    hasTouch: true, deviceScaleFactor: 2,
  },
  'phone-dark': {
    colorScheme: 'dark', viewport: { width: 390, height: 800 }, isMobile: true,
    hasTouch: true, deviceScaleFactor: 2,
  },
};

// Those that the documents show.
const shown = {
  'attacks-light': 'console-attacks', 'attack-light': 'console-attack',
  'rules-light': 'console-rules', 'connections-dark': 'console-connections',
  'connection-dark': 'console-connection', 'health-light': 'console-health',
  'attacks-phone': 'console-phone', 'attack-phone-dark': 'console-phone-attack',
};

async function pictures(browser) {
  const { attacks } = await api('/attacks?type=xss&ip=127.0.0.66');
  const { connections } = await api('/connections?type=sqli');

  assert.ok(attacks.length > 0 && connections.length > 0, 'nothing to show');

  const targets = {
    attacks: '/attacks', attack: `/attacks/${attacks[0].id}`, rules: '/rules',
    connections: '/connections', connection: `/connections/${connections[0].id}`,
    health: '/health', filtered: '/attacks?type=sqli&-ip=127.0.0.71&q=select',
    violations: '/attacks?kind=violation', nothing: '/attacks?q=nothing+at+all',
    missing: '/attacks/0000000000000000',
  };

  for (const [look, options] of Object.entries(looks)) {
    const page = await (await browser.newContext(options)).newPage();

    for (const [name, target] of Object.entries(targets)) {
      const picture = `${name}-${look}`;

      await page.goto(consoleUrl + target);
      if (name !== 'missing') {
        await page.waitForSelector('#live[data-state="on"]');
      }
      await page.screenshot({ path: path.join(shots, `${picture}.png`) });
      await page.screenshot({ path: path.join(shots, `${picture}-full.png`), fullPage: true });
      if (shown[picture]) {
        fs.copyFileSync(path.join(shots, `${picture}.png`),
          path.join(images, `${shown[picture]}.png`));
      }
    }
    if (!options.isMobile) {
      await page.goto(`${consoleUrl}/attacks`);
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await page.screenshot({ path: path.join(shots, `row-${look}.png`) });
      await page.keyboard.press('?');
      await page.screenshot({ path: path.join(shots, `keys-${look}.png`) });
    }
    await page.context().close();
  }
}

async function main() {
  const room = await story();

  await settled();

  const browser = await launch();

  try {
    await pictures(browser);
  } finally {
    await browser.close();
    room.forEach((user) => user.socket.terminate());
  }

  const { hits } = await api('/attacks?kind=all');

  console.log(`pictures of ${hits} events: ${images}; every page and look: ${shots}`);
}

main().catch((error) => {
  console.error(`not ok - ${error.stack}`);
  process.exitCode = 1;
});
