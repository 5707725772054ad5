// Chromium.  The contract of all clients is in README.md.

'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { launch } = require('./chromium');

const [url, file] = process.argv.slice(2);
const lines = fs.readFileSync(file, 'latin1').trimEnd().split('\n');

function show(kind, data) {
  const hash = createHash('sha256').update(data).digest('hex');

  console.log(kind, data.length, hash);
}

// Runs in the page.
function converse({ url, lines, limit }) {
  const decode = (base64) =>
    Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const encode = (bytes) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.replace(/^[^,]*,?/, ''));
    reader.readAsDataURL(new Blob([bytes]));
  });

  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ['chat', 'echo']);
    const log = [];
    const next = () => {
      const [op, first, second] = lines.shift().split(' ');

      switch (op) {
      case 'text':
        socket.send(new TextDecoder().decode(decode(first)));
        break;
      case 'binary':
        socket.send(decode(first));
        break;
      case 'close':
        socket.close(Number(first), new TextDecoder().decode(decode(second)));
        break;
      default:
        log.push(['line', `unsupported ${op}`]);
        next();
      }
    };

    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      log.push(['line', `open ${socket.protocol || '-'} ${
        socket.extensions || '-'}`]);
      next();
    };
    socket.onmessage = async ({ data }) => {
      log.push(typeof data === 'string'
        ? ['text', data] : ['binary', await encode(data)]);
      next();
    };
    socket.onclose = ({ code, reason }) => {
      log.push(['line', `close ${code} ${reason}`]);
      resolve(log);
    };
    setTimeout(reject, limit, new Error('timeout'));
  });
}

async function main() {
  const browser = await launch();

  try {
    console.log('client Chromium', browser.version());

    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(url.replace(/^ws/, 'http'));

    for (const [kind, data] of await page.evaluate(converse,
      { url, lines, limit: 60000 })) {
      if (kind === 'line') {
        console.log(data);
      } else {
        show(kind, Buffer.from(data, kind === 'text' ? 'utf8' : 'base64'));
      }
    }
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
