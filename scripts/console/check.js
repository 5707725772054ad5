// The console in a real browser: every page with every attack sample of
// testdata/, and names made to break out of a page, none of which may run,
// load anything or reach another page; then what people do on each page.
//
// usage: node check.js URL EVENT_LOG SCREENSHOT_DIR

'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { launch } = require('./chromium');

const [base, log, shots] = process.argv.slice(2);
const origin = new URL(base).origin;

// Pages that are open at the same time.
const tabs = 3;

let checks = 0;

function passed(what) {
  checks++;
  console.log(`ok ${checks} - ${what}`);
}

// What a page must not do, whoever tells it to.
class Watch {
  constructor(page) {
    this.page = page;
    this.seen = [];

    const note = (what) => this.seen.push(`${page.url()}: ${what}`);

    page.on('dialog', (dialog) => {
      note(`dialog ${dialog.message()}`);
      return dialog.dismiss();
    });
    page.on('pageerror', (error) => note(`error ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.text().includes('olicy')) {
        note(`console ${message.text()}`);
      }
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin) {
        note(`request ${request.url()}`);
      }
    });
    page.on('popup', (popup) => note(`popup ${popup.url()}`));
    page.on('framenavigated', (frame) => {
      const url = frame.url();

      if (frame !== page.mainFrame() || new URL(url).origin !== origin) {
        note(`navigation to ${url}`);
      }
    });
  }

  clean() {
    assert.deepEqual(this.seen, []);
  }
}

// Elements and attributes that no page of the console has.
function foreign() {
  const known = new Set(['a', 'b', 'body', 'button', 'code', 'dd', 'details',
    'dialog', 'div', 'dl', 'dt', 'figcaption', 'figure', 'form', 'g', 'h1', 'h2',
    'h3', 'head', 'header', 'html', 'img', 'input', 'kbd', 'li', 'line', 'link',
    'main', 'mark', 'meta', 'nav', 'p', 'pre', 'progress', 'rect', 'script',
    'section', 'span', 'summary', 'svg', 'table', 'tbody', 'td', 'th', 'thead',
    'time', 'title', 'tr', 'ul']);
  const bad = [];

  for (const e of document.querySelectorAll('*')) {
    const name = e.localName;

    if (!known.has(name)) {
      bad.push(name);
    }
    if (name === 'script' && !/^\/static\/console\.js\?/.test(e.getAttribute('src'))
        || name === 'img' && !/^\/static\/icon\.svg\?/.test(e.getAttribute('src'))
        || name === 'link' && !/^\/static\//.test(e.getAttribute('href'))
        || name === 'meta' && e.hasAttribute('http-equiv')) {
      bad.push(e.outerHTML);
    }
    for (const a of e.attributes) {
      if (/^on|^style$|^srcdoc$|^formaction$/i.test(a.name)
          || /^(href|src|action|xlink:href)$/.test(a.name)
             && new URL(a.value, location.href).origin !== location.origin) {
        bad.push(`${name} ${a.name}=${a.value}`);
      }
    }
  }

  return bad;
}

// Shows that the watch and the list of elements do see an attack that works.
async function control(context) {
  const page = await context.newPage();
  const watch = new Watch(page);

  await page.route(`${origin}/control`, (route) => route.fulfill({
    contentType: 'text/html',
    body: '<!DOCTYPE html><title>x</title><img src=x onerror="alert(1)">'
      + '<script>alert(2)</script><img src="//attacker.invalid/x">'
      + '<base href="//attacker.invalid/">',
  }));
  await page.goto(`${origin}/control`);
  await page.waitForLoadState('networkidle');
  assert.ok(watch.seen.some((s) => s.includes('dialog 1')), watch.seen.join());
  assert.ok(watch.seen.some((s) => s.includes('dialog 2')));
  assert.ok(watch.seen.some((s) => s.includes('request http://attacker.invalid/x')));
  assert.notDeepEqual(await page.evaluate(foreign), []);
  await page.close();
  passed('an unescaped page is noticed');
}

async function api(what) {
  const response = await fetch(`${origin}/api${what}`);

  assert.equal(response.status, 200, what);
  return response.json();
}

// All pages that there are for all events.
async function everything() {
  const targets = ['/health', '/rules', '/attacks/0', '/attacks?q=%3Cscript%3E'];
  const first = await api('/attacks?kind=all');

  for (let n = 1; n <= first.pages; n++) {
    targets.push(`/attacks?kind=all&page=${n}`);
    for (const attack of (await api(`/attacks?kind=all&page=${n}`)).attacks) {
      const one = await api(`/attacks/${attack.id}`);

      targets.push(`/attacks/${attack.id}`);
      targets.push(...one.hits.slice(1).map((hit) => `/hits/${hit.id}`));
    }
  }
  for (let n = 1, more = true; more; n++) {
    const page = await api(`/connections?page=${n}`);

    more = page.more;
    targets.push(`/connections?page=${n}`);
    targets.push(...page.connections.filter((c) => /[<'"`]/.test(c.connection_id))
      .map((c) => `/connections/${c.id}`));
  }
  // The filters that are on are shown, too.
  for (const [dim, values] of Object.entries(first.facets)) {
    const worst = values.findLast(({ value }) => /[<'"`]/.test(value));

    if (worst) {
      targets.push(`/attacks?${new URLSearchParams([[dim, worst.value], [`-${dim}`, worst.value]])}`);
    }
  }

  return { targets, hits: first.hits };
}

async function crawl(context) {
  const { targets, hits } = await everything();
  const queue = targets.values();

  await Promise.all(Array.from({ length: tabs }, async () => {
    const page = await context.newPage();
    const watch = new Watch(page);

    for (const target of queue) {
      const response = await page.goto(origin + target);

      assert.equal(response.status(), target === '/attacks/0' ? 404 : 200,
        target.slice(0, 300));
      if (target === '/attacks/0') {
        watch.seen = []; // Chromium reports the 404
        continue;
      }
      assert.deepEqual(await page.evaluate(foreign), [], target);
      watch.clean();
    }
    await page.close();
  }));
  passed(`nothing runs on ${targets.length} pages of ${hits} hits`);
}

async function shot(page, name) {
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

async function attacks(page) {
  await page.goto(`${origin}/attacks`);
  const all = await api('/attacks');
  const text = await page.locator('.figure b').allInnerTexts();
  assert.deepEqual(text.slice(0, 2), [all.total, all.hits].map((n) => n.toLocaleString('en-US')));
  passed('attacks: the numbers are those of the API');

  // Filters: one value, then without another.
  await page.click('.facets a.is:has-text("sqli")');
  await page.waitForURL(/[?&]type=sqli/);
  await page.waitForSelector('.chip:has-text("sqli")');
  const rows = await page.locator('.row').count();
  assert.ok(rows > 0);
  assert.equal(await page.locator('.row .type:has-text("sqli")').count(), rows);
  await page.hover('.facets li:has(a.no)');
  await page.click('.facets section:has(h3:text-is("Action")) li:has-text("blocked") a.no');
  await page.waitForURL(/[?&]-action=blocked/);
  assert.equal(await page.locator('.row .action-blocked').count(), 0);
  const shared = page.url();
  await page.goto(shared);
  assert.equal(await page.locator('.chip').count(), 2);
  await page.click('.chip a >> nth=0');
  await page.waitForFunction(() => document.querySelectorAll('.chip').length === 1);
  passed('attacks: filters and exclude filters, in the URL');

  // Keys and search.
  await page.goto(`${origin}/attacks`);
  await page.keyboard.press('/');
  await page.keyboard.type('type:xss alert');
  await page.keyboard.press('Enter');
  await page.waitForURL(/type=xss/);
  assert.equal(new URL(page.url()).searchParams.get('q'), 'alert');
  assert.equal(await page.inputValue('#q'), 'alert');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  const key = await page.getAttribute('.row.on', 'data-key');
  assert.equal(key, await page.getAttribute('.row >> nth=1', 'data-key'));
  await page.keyboard.press('Enter');
  await page.waitForURL(new RegExp(`/attacks/${key}`));
  await page.keyboard.press('u');
  await page.waitForURL(`${origin}/attacks`);
  await page.keyboard.press('?');
  assert.ok(await page.isVisible('#help'));
  await page.keyboard.press('Escape');
  passed('attacks: search and keys');

  const bar = await page.getAttribute('.chart a >> nth=0', 'href');
  await page.goto(origin + bar);
  assert.match(page.url(), /from=.*&to=/);
  assert.ok(await page.locator('.row').count() > 0);
  passed('attacks: a bar of the time line leads to its time');
}

async function attack(page) {
  const list = await api('/attacks?type=xss&host=chat.example.com&q=alert');
  const one = list.attacks.find((a) => a.match === '<script>alert(1)</script>');
  assert.ok(one, 'the sample is there');
  const row = (await api(`/attacks/${one.id}`)).hits.find((h) => h.match === '<script>alert(1)</script>');
  const { hit } = await api(`/attacks/${one.id}?hit=${row.id}`);
  await page.goto(`${origin}/attacks/${one.id}?hit=${row.id}`);

  assert.equal(await page.innerText('#request mark'), '<script>alert(1)</script>');
  assert.match(await page.innerText('#request'), /^POST \/socket\.io\/\S* WEBSOCKET\/13\n/);
  assert.equal(await page.innerText('.tree li.hit > .value mark'), '<script>alert(1)</script>');
  assert.match(await page.innerText('.tree li.hit > .step'), /text/);
  assert.match(await page.innerText('.chain'), /frames? text.* > socket\.io "chat message" > json/);
  assert.equal(await page.innerText('.findings td >> nth=0'), '941100');
  await page.click('#hex summary');
  assert.match(await page.innerText('pre.hex'), /^00000000 {2}34 32 5b 22/);
  passed('one attack: text, tree and bytes with the payload marked');

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
  await page.click('button[data-copy="replay"]');
  await page.waitForSelector('button[data-copy="replay"]:text("Copied")');
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(command, hit.replay);
  assert.match(command, /^printf %s '[A-Za-z0-9+/=]+' \| base64 -d \| websocat [ -~]+$/);
  passed('one attack: the websocat command is copied');

  assert.match(hit.exception, /^wallarm_websocket_ignore rule=941100 /);
  await page.click('button[data-copy="exception"]');
  await page.waitForSelector('button[data-copy="exception"]:text("Copied")');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), hit.exception);
  passed('one attack: the exception is copied');
}

async function others(page) {
  await page.goto(`${origin}/rules`);
  const rules = (await api('/rules')).rules;
  assert.equal(await page.locator('table.rules .row').count(), rules.length);
  await page.click('table.rules .row a:text-is("941100")');
  await page.waitForURL(/rule=941100/);
  passed('rules: counts, and the way to the hits');

  await page.goto(`${origin}/connections`);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/connections\/[0-9a-f]{16}/);
  assert.ok(await page.locator('.hits .row').count() > 0);
  await page.click('.hits .row >> nth=0');
  await page.waitForURL(/\/attacks\/[0-9a-f]+\?hit=/);
  passed('connections: one, and its hits');

  await page.goto(`${origin}/health`);
  const health = await api('/health');
  assert.ok(health.counters.malformed > 0);
  assert.equal(await page.innerText('dt:text-is("Malformed") + dd'), String(health.counters.malformed));
  assert.equal(await page.locator('table.bad tbody tr').count(), health.malformed.length);
  passed('health: malformed lines are counted and shown');
}

// A new event shows by itself.
async function live(page) {
  await page.goto(`${origin}/attacks`);
  await page.waitForSelector('#live[data-state="on"]');

  const line = JSON.parse(fs.readFileSync(log, 'utf8').split('\n', 1)[0]);
  const client = '203.0.113.77';

  line.event.id = crypto.randomBytes(16).toString('hex');
  line['@timestamp'] = new Date().toISOString();
  line.source.ip = client;
  await page.evaluate(() => { window.same = true; });
  fs.appendFileSync(log, `${JSON.stringify(line)}\n`);
  await page.waitForSelector(`.row:has-text("${client}")`);
  assert.ok(await page.evaluate(() => window.same), 'the page was not loaded again');
  passed('a new event shows without a reload');

  // Not under the reader's hands.
  await page.goto(`${origin}/attacks/${(await api(`/attacks?ip=${client}`)).attacks[0].id}`);
  await page.waitForSelector('#live[data-state="on"]');
  line.event.id = crypto.randomBytes(16).toString('hex');
  fs.appendFileSync(log, `${JSON.stringify(line)}\n`);
  await page.waitForSelector('#news:visible');
  await page.click('#news');
  await page.waitForFunction(() => document.querySelectorAll('.hits .row').length === 2);
  passed('where somebody reads, it is offered');
}

async function looks(browser) {
  const list = await api('/attacks?host=chat.example.com&type=xss&q=alert');
  const connections = await api('/connections');
  const targets = {
    attacks: '/attacks', attack: `/attacks/${list.attacks[0].id}`, rules: '/rules', connections: '/connections',
    connection: `/connections/${connections.connections[0].id}`, health: '/health',
  };
  const background = {};

  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light', viewport: { width: 1360, height: 900 } },
    dark: { colorScheme: 'dark', viewport: { width: 1360, height: 900 } },
    phone: { colorScheme: 'light', viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true },
  })) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const watch = new Watch(page);

    for (const [kind, target] of Object.entries(targets)) {
      await page.goto(origin + target);
      const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide[0] <= options.viewport.width, `${kind} at ${name} is ${wide[0]} wide`);
      // What is short stands on one line: times, numbers, an address and its port.
      const broken = await page.evaluate(() => [...document.querySelectorAll(
        '.segmented a, .list th, .list .num, .list time, .figure span, .connections td.mono:not(.wide)',
      )].filter((e) => {
        const range = document.createRange();

        range.selectNodeContents(e);
        const tops = [...range.getClientRects()].map((rect) => rect.top);

        return e.textContent.trim().length < 22 && Math.max(...tops) - Math.min(...tops) > 8;
      }).map((e) => e.textContent));
      assert.deepEqual(broken, [], `${kind} at ${name}`);
      const cut = await page.evaluate(() => [...document.querySelectorAll('.list th, .segmented a, .tabs a')]
        .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent));
      assert.deepEqual(cut, [], `${kind} at ${name}`);
      await shot(page, `${kind}-${name}`);
    }
    background[name] = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    watch.clean();
    await context.close();
  }
  assert.notEqual(background.light, background.dark);
  passed('every page in light and dark, and on a phone without scrolling sideways');

  // Without script everything is there.
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  for (const target of Object.values(targets)) {
    assert.equal((await page.goto(origin + target)).status(), 200);
    assert.ok(await page.isVisible('main'));
  }
  await page.goto(`${origin}/attacks`);
  await page.fill('#q', 'type:sqli union');
  await page.press('#q', 'Enter');
  await page.waitForURL(/type=sqli/);
  await context.close();
  passed('without JavaScript, too');
}

// The samples are in when the last lines, those that are malformed, are.
async function read() {
  const deadline = Date.now() + 30000;

  for (;;) {
    const { logs } = await (await fetch(`${base}api/health`)).json();

    if (logs.length > 0 && logs.every((l) => l.behind_bytes === 0 && l.offset > 0)) {
      return;
    }
    assert(Date.now() < deadline, 'the console does not read the log to its end');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function main() {
  await read();

  const browser = await launch();

  try {
    const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });

    await control(context);
    await crawl(context);

    const page = await context.newPage();
    const watch = new Watch(page);

    page.setDefaultTimeout(20000);
    await attacks(page);
    await attack(page);
    await others(page);
    await live(page);
    watch.clean();
    passed('nothing ran meanwhile');
    await looks(browser);
  } finally {
    await browser.close();
  }

  console.log(`${checks} checks of the console passed`);
}

main().catch((error) => {
  console.error(`not ok - ${error.stack}`);
  process.exitCode = 1;
});
