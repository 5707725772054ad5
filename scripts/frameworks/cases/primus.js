// Primus, with its own client, over plain WebSockets.

'use strict';

const http = require('node:http');
const { listen, until } = require('../lib/process.js');

let Socket;

async function server({ heard }) {
  const Primus = require('primus');
  const app = http.createServer();
  const primus = new Primus(app, {
    transformer: 'websockets', parser: 'JSON', pingInterval: 1000,
  });

  Socket = primus.Socket;
  primus.on('connection', (spark) => spark.on('data', ({ text }) => {
    heard(text);
    spark.write({ text });
  }));

  return { port: await listen(app), stop: () => primus.destroy() };
}

async function client(port, { up, got }) {
  const primus = new Socket(`http://127.0.0.1:${port}`, {
    reconnect: { min: 50, max: 50, retries: Infinity },
  });
  let beats = 0;

  primus.on('open', up);
  primus.on('data', ({ text }) => got(text));
  primus.on('incoming::ping', () => beats++);
  primus.on('error', () => {});

  return {
    send: (text) => { primus.write({ text }); },
    beats: () => until('heartbeats', () => beats >= 2),
    close: () => new Promise((resolve) => {
      primus.on('end', resolve);
      primus.end();
    }),
  };
}

module.exports = [{
  name: 'primus', decoder: 'primus', server,
  cases: [{ name: 'websocket', path: '$.text', client }],
}];
