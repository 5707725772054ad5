// One case of a framework: the same conversation without and with NGINX, then
// the attacks, and how the client comes back.
//
// A case has a client(port, hooks): it calls hooks.up() with every connection
// that the application can use, and hooks.got(text) with what it received; it
// returns { send(text), close(), beats() }, the last if the framework has a
// heartbeat.  The server calls heard(text) with what it received, and sends it
// back.
//
// event, path   what the event log has to say about an attack
// polling       no WebSocket: a request with an attack is answered 403
// after         what becomes of the client: it reconnects by itself (default),
//               it "stays" and connects when it is used, or it "ends"
// wire(text)    the text as it is in the payload, if not as it is
// check(client) after the reconnect

'use strict';

const assert = require('node:assert/strict');
const { closeCode, frames } = require('./recorder.js');
const { until } = require('./process.js');
const texts = require('./texts.js');

// Returns how many bytes arrived as they were sent.  A peer that has said Close
// may be gone before what crosses that arrives: back is what it sent.
function equal(sent, arrived, back) {
  assert.ok(sent.subarray(0, arrived.length).equals(arrived), 'bytes differ');
  assert.ok(sent.length === arrived.length || frames(back).at(-1)?.opcode === 8,
    `${sent.length - arrived.length} bytes are missing`);
  return arrived.length;
}

function brief({ event, wallarm: { attack, violation, websocket } }) {
  return [event.action, websocket.direction, violation?.token, attack?.type,
    attack?.path, attack?.match].filter(Boolean).join(' ');
}

class Session {
  static async open(kase, port, dir) {
    const session = new Session();

    Session.all.add(session);
    session.got = [];
    session.ups = 0;
    session.client = await kase.client(port, {
      up: () => session.ups++,
      got: (text) => session.got.push(text),
      dir,
    });
    await until('the client is connected', () => session.ups > 0);
    return session;
  }

  async close() {
    let closed = false;

    Session.all.delete(this);
    Promise.resolve(this.client?.close()).catch(() => {})
      .then(() => { closed = true; });
    await until('the client closes', () => closed);
  }

  async say(text) {
    const count = this.got.length;

    await this.client.send(text);
    await until(`an answer to ${JSON.stringify(text.slice(0, 60))}`,
      () => this.got.length > count);
  }
}

// Those that are not closed: a client that is left would reconnect for ever.
Session.all = new Set();

class Story {
  constructor(framework, kase, nginx, server) {
    Object.assign(this, { framework, kase, nginx, server });
    this.texts = kase.texts ?? texts.benign;
    this.bytes = 0;
  }

  open(port) {
    return Session.open(this.kase, port, this.nginx.dir);
  }

  async conversation(port) {
    this.server.heard.length = 0;
    const session = await this.open(port);

    for (const text of this.texts) await session.say(text);
    await this.received(this.texts.length);
    await session.client.beats?.();
    await session.close();
    return { got: session.got, heard: [...this.server.heard] };
  }

  // The server's side may be a client of its own, that is told later.
  received(count) {
    return until(`the server received ${count} texts`,
      () => this.server.heard.length >= count);
  }

  async benign() {
    const direct = await this.conversation(this.server.port);
    assert.deepEqual(direct.heard, this.texts, 'what the server received');
    assert.deepEqual(direct.got, this.texts, 'what the client received');

    const from = this.nginx.before.connections.length;
    const logged = this.nginx.lines('access.log').length;
    assert.deepEqual(await this.conversation(this.nginx.port), direct,
      'the conversation through NGINX');
    assert.deepEqual(this.nginx.events().map(brief), []);

    const pairs = await this.nginx.pairs(from);
    assert.equal(pairs.length > 0, !this.kase.polling, 'WebSocket is used');
    for (const pair of pairs) await this.same(...pair);

    const verdicts = () => this.nginx.lines('access.log').slice(logged)
      .filter((line) => line.startsWith('101 '));
    await until('the access log has the connections',
      () => verdicts().length === pairs.length);
    for (const line of verdicts()) assert.match(line, /^101 allow 0 /);
  }

  // Byte for byte the same on both sides of NGINX.
  async same(before, behind) {
    await until('both sides are closed', () => before.closed && behind.closed);
    const near = before.handshake();
    const far = behind.handshake();

    assert.equal(near.answer, far.answer);
    this.bytes += equal(near.c2s, far.c2s, far.s2c)
      + equal(far.s2c, near.s2c, near.c2s);
  }

  async attack(type) {
    const text = texts.attacks[type];
    const expected = this.nginx.events().length + 1;
    const from = this.nginx.before.connections.length;
    const refusals = this.refusals();

    this.server.heard.length = 0;
    let session = await this.open(this.nginx.port);
    await session.say(this.texts[0]);
    await session.say(this.texts[1]);

    const ups = session.ups;
    // Some clients reject the promise of what could not be delivered.
    Promise.resolve(session.client.send(text)).catch(() => {});
    await (this.kase.polling ? this.refused(refusals) : this.dropped(from));
    this.event(type, text, await this.attackEvent(expected));

    if (this.kase.after === 'ends') {
      await session.close();
      session = await this.open(this.nginx.port);
    } else if (this.kase.after !== 'stays') {
      await until('the client reconnects', () => session.ups > ups);
    }

    await session.say(this.texts[2]);
    await this.received(3);
    this.kase.check?.(session.client);
    await session.close();
    assert.deepEqual(this.server.heard, this.texts.slice(0, 3),
      'what the server received');
    assert.ok(!session.got.includes(text), 'a client received the attack');
    assert.deepEqual(this.nginx.events().slice(expected).map(brief), []);
  }

  // The client gets a Close frame, and the server what came before the attack
  // and a Close frame.
  async dropped(from) {
    const [before, behind] = await until('the connection is dropped',
      async () => (await this.nginx.pairs(from)).find(([connection]) =>
        closeCode(frames(connection.handshake().s2c).at(-1)) === 1008));

    await until('both sides are closed', () => before.closed && behind.closed);
    const sent = before.handshake().c2s;
    const arrived = behind.handshake().c2s;
    const last = frames(arrived).at(-1);

    assert.equal(closeCode(last), 1008, 'the Close frame to the server');
    assert.ok(sent.subarray(0, last.at).equals(arrived.subarray(0, last.at)),
      'what the server got before the attack');
  }

  async refused(before) {
    await until('the request is answered 403', () => this.refusals() > before);
  }

  // Connections live on: how often it was said on all of them.
  refusals() {
    return this.nginx.before.connections.reduce((count, connection) => count
      + connection.bytes('s2c').toString('latin1').split('HTTP/1.1 403 ').length
      - 1, 0);
  }

  async attackEvent(number) {
    const events = await until('the attack is in the event log', () => {
      const all = this.nginx.events();
      return all.length >= number && all;
    });

    assert.deepEqual(events.slice(number).map(brief), []);
    return events[number - 1];
  }

  event(type, text, { event, wallarm }) {
    assert.equal(event.dataset, 'wallarm_websocket.attack');
    assert.equal(event.action, 'blocked');
    assert.equal(wallarm.attack.type, type);
    assert.ok(text.includes(wallarm.attack.match)
              || wallarm.attack.match.includes(text.trim()),
    `match: ${wallarm.attack.match}`);

    const payload = Buffer.from(wallarm.payload_base64, 'base64');
    const wire = this.kase.wire ?? ((value) => value);
    assert.ok(payload.includes(wire(text)), `payload: ${payload}`);

    const expected = { framework: this.framework.decoder,
      event: this.kase.event, path: this.kase.path };
    const said = { framework: wallarm.websocket.framework,
      event: wallarm.websocket.event_name, path: wallarm.attack.path };

    for (const [what, value] of Object.entries(expected)) {
      if (value !== undefined) assert.equal(said[what], value, `${what}: ${said[what]}`);
    }
  }

  // What went wrong, all of it.
  async tell() {
    const failures = [];
    const chapters = { benign: () => this.benign() };

    for (const type of Object.keys(texts.attacks)) {
      chapters[type] = () => this.attack(type);
    }

    for (const [name, chapter] of Object.entries(chapters)) {
      try {
        await chapter();
      } catch (error) {
        const text = process.env.VERBOSE ? error.stack : error.message;
        for (const session of Session.all) await session.close();
        failures.push(`${name}: ${text.slice(0, 2000).replace(/\s*\n\s*/g, ' | ')}`);
      }
    }

    return failures;
  }
}

module.exports = { Story };
