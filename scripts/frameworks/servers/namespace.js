// Runs a program in the network namespace that this process is in, and passes
// the connections of a UNIX socket on to its port.
//
// usage: node namespace.js SOCKET PORT PROGRAM ARGUMENT...

'use strict';

const net = require('node:net');
const { spawn, spawnSync } = require('node:child_process');
const { answers, until } = require('../lib/process.js');

const [socket, port, program, ...args] = process.argv.slice(2);
const target = { host: '127.0.0.1', port: Number(port) };

async function main() {
  spawnSync('ip', ['link', 'set', 'lo', 'up'], { stdio: 'inherit' });
  spawn(program, args, { stdio: 'inherit' })
    .on('exit', (code) => process.exit(code ?? 1));
  await until(`${program} answers`, () => answers(target));

  net.createServer({ allowHalfOpen: true }, (near) => {
    const far = net.connect({ ...target, allowHalfOpen: true });

    near.pipe(far).pipe(near);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
  }).listen(socket);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
