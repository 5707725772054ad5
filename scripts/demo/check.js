// The story of the demo in two real browsers, unattended: Mallory attacks,
// Alice must never see it.  With "off" as the mode, the same story has to end
// the other way round, which shows that this check can fail.
//
// usage: node check.js URL on|off EVENT_FILE SCREENSHOT_DIR CONSOLE_URL

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { launch } = require('./chromium');

const [url, mode, eventFile, shots, consoleUrl] = process.argv.slice(2);
const on = mode === 'on';
const deadline = 20000;

const attacks = [
  { kind: 'xss', text: '<script>alert(1)</script>' },
  { kind: 'sqli', text: "' OR 1=1 -- " },
];

let checks = 0;

function passed(what) {
  checks++;
  console.log(`ok ${checks} - ${mode}: ${what}`);
}

// One user: a page of its own, and what happened in it.
class User {
  static async join(browser, name) {
    const user = new User();

    user.name = name;
    user.alerts = [];
    user.page = await (await browser.newContext({
      viewport: { width: 640, height: 620 },
      deviceScaleFactor: 2,
    })).newPage();
    user.page.setDefaultTimeout(deadline);
    user.page.on('dialog', (dialog) => {
      user.alerts.push(dialog.message());
      return dialog.dismiss();
    });

    await user.page.goto(url);
    await user.page.fill('#name', name);
    await user.page.click('#join button');
    await user.status('online');

    return user;
  }

  async rejoin() {
    await this.page.click('#rejoin');
    await this.status('online');
  }

  status(state) {
    return this.page.waitForSelector(`#status[data-state="${state}"]`);
  }

  async say(text) {
    await this.page.fill('#text', text);
    await this.page.click('#send button');
  }

  // The author's own page shows what he wrote, whatever becomes of it.
  async hears(kind, text, author) {
    await this.page.waitForFunction(([k, t, a]) => [
      ...document.querySelectorAll(`#log .${k}`),
    ].some((item) => item.textContent === (a ?? '') + t
                     || item.querySelector('div')?.innerHTML === t
                        && item.querySelector('b').textContent === a),
    [kind, text, author]);
  }

  async sees(text) {
    return (await this.page.innerHTML('#log')).includes(text)
           || (await this.page.innerText('#log')).includes(text.trim());
  }

  async left(name, times) {
    await this.page.waitForFunction(([text, n]) => [
      ...document.querySelectorAll('#log .note'),
    ].filter((item) => item.textContent === text).length === n,
    [`${name} left`, times]);
  }

  shot(name) {
    return this.page.screenshot({ path: path.join(shots, `${name}.png`) });
  }
}

async function chat(a, b, word) {
  const there = `Hi ${b.name}, don't forget the ${word} at 5`;
  const back = `Of course, ${a.name}: I'll bring the ${word} & some cake`;

  await a.say(there);
  await b.hears('theirs', there, a.name);
  await b.say(back);
  await a.page.waitForFunction((text) => [
    ...document.querySelectorAll('#log .theirs div'),
  ].some((item) => item.textContent === text), back);
}

function events() {
  if (!fs.existsSync(eventFile)) {
    return [];
  }

  return fs.readFileSync(eventFile, 'utf8').split('\n')
    .filter((text) => text !== '').map((text) => JSON.parse(text));
}

async function event(attack, number) {
  const until = Date.now() + deadline;

  while (events().length < number && Date.now() < until) {
    await sleep(50);
  }

  const all = events();
  assert.equal(all.length, number, `events in ${eventFile}`);

  const { event: head, wallarm } = all[number - 1];
  const payload = Buffer.from(wallarm.payload_base64, 'base64').toString();

  assert.equal(head.action, 'blocked');
  assert.equal(wallarm.attack.type, attack.kind);
  assert.ok(payload.includes(attack.text), `payload: ${payload}`);
  assert.match(wallarm.request,
    /^POST \/socket\.io\/\?\S*transport=websocket\S* WEBSOCKET\/13\r?\n/);
  assert.ok(wallarm.request.includes(attack.text), wallarm.request);
}

async function blocked(attack, round, mallory, alice) {
  await mallory.status('disconnected');
  passed(`${attack.kind}: the attacker is dropped`);

  // Alice hears of the leaving after all that Mallory sent.
  await alice.left('Mallory', round);
  assert.ok(!await alice.sees(attack.text), 'Alice received the attack');
  assert.deepEqual(alice.alerts, []);
  passed(`${attack.kind}: the other user sees him leave, not the attack`);

  await event(attack, round);
  passed(`${attack.kind}: the event holds the payload`);

  await mallory.shot(`${mode}-${attack.kind}-attacker`);
  await alice.shot(`${mode}-${attack.kind}-other-user`);
}

async function delivered(attack, mallory, alice) {
  await alice.hears('theirs', attack.text, 'Mallory');
  assert.deepEqual(alice.alerts, ['1']);
  assert.equal(await mallory.page.getAttribute('#status', 'data-state'),
    'online');
  assert.deepEqual(events(), []);
  passed(`${attack.kind}: unprotected, the other user receives it`);

  await alice.shot(`${mode}-${attack.kind}-other-user`);
}

// What an operator sees of it, in the console.
async function operator(browser) {
  const page = await (await browser.newContext({
    viewport: { width: 1360, height: 900 },
  })).newPage();
  const alerts = [];

  page.setDefaultTimeout(deadline);
  page.on('dialog', (dialog) => {
    alerts.push(dialog.message());
    return dialog.dismiss();
  });
  await page.goto(`${consoleUrl}/attacks`);

  if (!on) {
    await page.waitForSelector('.empty');
    passed('the console shows no attack');
    return;
  }

  for (const attack of attacks) {
    // The page follows the log by itself.
    const row = page.locator(`.row:has(.type:text-is("${attack.kind}"))`);

    await row.waitFor();
    assert.equal((await row.locator('.payload').innerText()).trim(), attack.text.trim());
  }
  await page.screenshot({ path: path.join(shots, 'console-attacks.png') });

  await page.click('.row:has(.type:text-is("xss"))');
  await page.waitForSelector('#request mark');
  assert.equal(await page.innerText('#request mark'), attacks[0].text, 'the payload is marked');
  assert.match(await page.innerText('#request'), /^POST \/socket\.io\/.* WEBSOCKET\/13/);
  await page.screenshot({ path: path.join(shots, 'console-attack.png') });
  assert.deepEqual(alerts, []);
  passed('the console shows the attacks, and nothing of them runs');
}

async function story(first, second) {
  const mallory = await User.join(first, 'Mallory');
  const alice = await User.join(second, 'Alice');

  await mallory.hears('note', 'Alice joined');
  await chat(mallory, alice, 'tea');
  passed('two users chat');

  for (const [i, attack] of attacks.entries()) {
    await mallory.say(attack.text);

    if (on) {
      await blocked(attack, i + 1, mallory, alice);
    } else {
      await delivered(attack, mallory, alice);
    }

    assert.deepEqual(mallory.alerts, ['1']);
    passed(`${attack.kind}: the attacker's own page shows it`);

    const third = await User.join(first, ['Carol', 'Dave'][i]);
    await chat(third, alice, ['lemonade', 'juice'][i]);
    passed(`${attack.kind}: the other user goes on chatting`);

    if (on) {
      await mallory.rejoin();
      await chat(mallory, alice, ['coffee', 'milk'][i]);
      passed(`${attack.kind}: the attacker may come back and behave`);
    }
  }

  await alice.shot(`${mode}-end`);
  assert.equal(events().length, on ? attacks.length : 0);
  passed('no event but for the attacks');
  await operator(second);
}

async function main() {
  const browsers = await Promise.all([launch(), launch()]);

  try {
    await story(...browsers);
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
  }

  console.log(`${checks} checks passed with wallarm_parse_websocket ${mode}`);
}

main().catch((error) => {
  console.error(`not ok - ${mode}: ${error.stack}`);
  process.exitCode = 1;
});
