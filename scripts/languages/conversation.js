// What every client says, and what it has to print then.
//
// A line is an operation and its data in base64, separated by one space:
//   text DATA, binary DATA, fragments DATA ..., ping DATA, close CODE REASON

'use strict';

const { createHash } = require('node:crypto');

const operations = {
  text: 'text', binary: 'binary', fragments: 'text', ping: 'pong',
};

const text = (string) => ['text', Buffer.from(string)];
const close = ['close', 1000, Buffer.from('good bye')];

// Bytes that do not compress, the same in every run.
function noise(size) {
  const blocks = [];

  for (let i = 0; i < size / 32; i++) {
    blocks.push(createHash('sha256').update(`${i}`).digest());
  }

  return Buffer.concat(blocks).subarray(0, size);
}

const record = JSON.stringify({
  id: 4711, from: 'anna@example.com', subject: 'Tuesday & Wednesday',
  body: "Don't forget: 3 > 2, and the list is on the table.",
  tags: ['a', 'b'], read: false, size: 1.5e3, reply: null, link: '/m/4711?x=1',
  note: 'grüße',
});

exports.benign = [
  text(''),
  text('hello'),
  text('Grüße, здравствуйте, 你好, 👋🏽'),
  text("I <3 this team; meet @ 5 o'clock & bring snacks"),
  text('please select a seat from the list and drop me a note -- thanks'),
  text('if (a < b && c > d) { return "x"; }'),
  text(record),
  ['binary', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  text('All work and no play makes Jack a dull boy. '.repeat(1600)),
  ['binary', noise(1 << 20)],
  ['binary', Buffer.alloc(0)],
  ['fragments', Buffer.from('one '), Buffer.from(''), Buffer.from('two '),
    Buffer.from('three')],
  ['ping', Buffer.from('still there?')],
  text('last'),
  close,
];

exports.attack = '<script>alert(1)</script>';

exports.attacking = [text('hello'), text(exports.attack), close];

exports.file = (conversation) => conversation.map(([op, ...data]) =>
  [op, ...data.map((d) => Buffer.isBuffer(d) ? d.toString('base64') : d)]
    .join(' ') + '\n').join('');

// Without the lines "client" and "open".
exports.transcript = (conversation, without = []) =>
  conversation.map(([op, ...data]) => {
    if (op === 'close') {
      return `close ${data[0]} ${data[1]}`;
    }

    if (without.includes(op)) {
      return `unsupported ${op}`;
    }

    const whole = Buffer.concat(data);
    const hash = createHash('sha256').update(whole).digest('hex');

    return `${operations[op]} ${whole.length} ${hash}`;
  });

// What the server's application gets, as "kind size".
exports.received = (conversation, without = []) =>
  conversation.filter(([op]) => !without.includes(op))
    .map(([op, ...data]) => op === 'close'
      ? `close ${data[0]} ${data[1].length}`
      : `${op === 'fragments' ? 'text' : op} ${
        Buffer.concat(data).length}`);
