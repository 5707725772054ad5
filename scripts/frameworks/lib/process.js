// Processes that are ended by their id, and waiting for what they do.

'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const readline = require('node:readline');
const { spawn } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');

const patience = 15000;

// Waits until test() holds: for what nothing announces.
async function until(what, test, limit = patience) {
  const end = Date.now() + limit;

  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await sleep(10);
  }
}

// where is what net.connect() takes.
function answers(where) {
  return new Promise((resolve) => {
    const socket = net.connect(where);
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// A port outside of those that the kernel hands out.
async function freePort() {
  for (let i = 0; i < 1000; i++) {
    const port = 12000 + Math.floor(Math.random() * 18000);
    if (!await answers({ port, host: '127.0.0.1' })) return port;
  }
  throw new Error('no free port');
}

// A group of its own, so that what the program starts ends with it.  Its
// standard output goes to lines(line), if that is there, or to the log.
class Child {
  constructor(log, command, args, { lines, ...options } = {}) {
    fs.mkdirSync(path.dirname(log), { recursive: true });
    const out = fs.openSync(log, 'a');

    this.log = log;
    this.name = command;
    this.process = spawn(command, args, {
      detached: true, stdio: ['pipe', lines ? 'pipe' : out, out], ...options,
    });
    this.process.stdin.on('error', () => {});
    if (lines) {
      readline.createInterface({ input: this.process.stdout })
        .on('line', lines);
    }
    fs.closeSync(out);
    this.gone = new Promise((resolve) => {
      this.process.on('exit', resolve);
      this.process.on('error', (error) => {
        fs.appendFileSync(log, `${error}\n`);
        resolve();
      });
    });
    this.gone.then(() => { this.exited = true; });
    Child.all.add(this);
  }

  async listening(where, limit = patience) {
    await until(`${this.name} answers (${this.log})`, () => {
      if (this.exited) throw new Error(`${this.name} ended: ${this.log}`);
      return answers(where);
    }, limit);
  }

  kill(signal) {
    try {
      process.kill(-this.process.pid, signal);
    } catch {
      // It is gone.
    }
  }

  async stop(signal = 'SIGTERM') {
    Child.all.delete(this);
    if (this.exited || this.process.pid === undefined) return;

    this.kill(signal);
    const late = sleep(10000, 'late', { ref: false });
    if (await Promise.race([this.gone, late]) === 'late') {
      this.kill('SIGKILL');
    }
    await this.gone;
  }
}

Child.all = new Set();

process.on('exit', () => {
  for (const child of Child.all) child.kill('SIGKILL');
});

// Starts a server of node:http or node:net, and returns its port.
function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

module.exports = { Child, until, answers, freePort, listen, sleep };
