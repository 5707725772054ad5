// The real clients and servers of the frameworks, through NGINX.
//
// usage: node run.js DIRECTORY [--quick] [FRAMEWORK...]
//
// Each framework runs in a process of its own, with its own NGINX in
// DIRECTORY/FRAMEWORK.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { Nginx } = require('./lib/nginx.js');
const { Story } = require('./lib/story.js');

const parallel = 3;
const limit = 120000;

const frameworks = fs.readdirSync(path.join(__dirname, 'cases')).sort()
  .flatMap((file) => require(path.join(__dirname, 'cases', file)));

function say(line) {
  fs.writeSync(1, `${line}\n`);
}

// In a process of its own.
async function framework(dir, name) {
  const it = frameworks.find((framework) => framework.name === name);

  process.on('SIGTERM', () => process.exit(1));
  process.on('unhandledRejection', () => {});
  setTimeout(() => {
    say(`FAIL ${name}: not done in ${limit / 1000} s`);
    process.exit(1);
  }, limit);

  const missing = await it.missing?.();
  if (missing) {
    say(`skip ${name}: ${missing}`);
    return 0;
  }

  const heard = [];
  const server = await it.server({
    dir, heard: (text) => heard.push(text),
  });
  server.heard = heard;

  let failed = 0;
  for (const kase of it.cases) {
    const nginx = await Nginx.start(path.join(dir, kase.name),
      { host: '127.0.0.1', port: server.port });
    const story = new Story(it, kase, nginx, server);
    const failures = await story.tell();

    await nginx.stop().catch((error) => failures.push(error.message));
    if (failures.length === 0) {
      say(`ok ${name} ${kase.name}`
        + (kase.polling ? '' : `: ${story.bytes} bytes identical`));
    } else {
      failed++;
      say(`FAIL ${name} ${kase.name}: ${failures.join('; ')}`);
    }
  }

  await server.stop();
  return failed;
}

function run(dir, name) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [__filename, dir, '--one', name],
      { stdio: ['ignore', 'pipe', process.env.VERBOSE ? 2 : 'ignore'] });
    let text = '';

    running.add(child);
    child.stdout.on('data', (chunk) => { text += chunk; });
    child.on('close', (code) => {
      running.delete(child);
      const lines = text.split('\n')
        .filter((line) => /^(ok|FAIL|skip) /.test(line));
      if (code !== 0 && !lines.some((line) => line.startsWith('FAIL'))) {
        lines.push(`FAIL ${name}: its process ended with ${code}`);
      }
      for (const line of lines) say(line);
      resolve(lines);
    });
  });
}

const running = new Set();

async function all(dir, names) {
  const started = Date.now();
  const lines = [];
  const queue = [...names];

  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      for (const child of running) child.kill('SIGTERM');
      process.exit(130);
    });
  }

  await Promise.all(Array.from({ length: parallel }, async () => {
    while (queue.length > 0) lines.push(...await run(dir, queue.shift()));
  }));

  const count = (word) => lines.filter((l) => l.startsWith(word)).length;
  const seconds = Math.round((Date.now() - started) / 1000);
  say(`${names.length} frameworks: ${count('ok ')} cases passed, ` +
    `${count('FAIL ')} failed, ${count('skip ')} skipped, ${seconds} s`);
  return count('FAIL ') > 0 || count('ok ') === 0 ? 1 : 0;
}

async function main([dir, ...args]) {
  if (args[0] === '--one') {
    return framework(path.join(dir, args[1]), args[1]);
  }

  const quick = args[0] === '--quick';
  const wanted = args.slice(quick ? 1 : 0);
  const names = frameworks.map((framework) => framework.name);
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`no ${unknown}; there are ${names.join(' ')}`);
  }

  return all(dir, wanted.length > 0 ? wanted
    : names.filter((_, i) => !quick || frameworks[i].quick));
}

main(process.argv.slice(2)).then((code) => process.exit(code), (error) => {
  say(`FAIL ${process.argv.at(-1)}: ${error.stack}`);
  process.exit(1);
});
