// Yjs: y-websocket and its own server.  The text is an element of a shared
// array, or of the awareness.

'use strict';

const http = require('node:http');
const { listen } = require('../lib/process.js');

let rooms = 0;

async function server({ heard }) {
  const { WebSocketServer } = require('ws');
  const utils = require('y-websocket/bin/utils');
  const app = http.createServer();
  const sockets = new WebSocketServer({ server: app, perMessageDeflate: true });
  const bots = new Set();

  // It answers in the document: the server does not send one's own text back.
  function bot(doc) {
    if (bots.has(doc)) return;
    bots.add(doc);

    const chat = doc.getArray('chat');
    const echo = doc.getArray('echo');
    chat.observe(() => {
      for (const text of chat.toArray().slice(echo.length)) {
        heard(text);
        echo.push([text]);
      }
    });
    doc.awareness.on('update', ({ added, updated }) => {
      for (const id of [...added, ...updated]) {
        const text = doc.awareness.getStates().get(id)?.user?.name;
        if (text === undefined) continue;
        heard(text);
        echo.push([text]);
      }
    });
  }

  sockets.on('connection', (socket, request) => {
    const room = request.url.slice(1).split('?')[0];

    bot(utils.getYDoc(room));
    utils.setupWSConnection(socket, request, { docName: room });
  });

  return { port: await listen(app), stop: () => app.close() };
}

function client(way) {
  return async (port, { up, got }) => {
    const Y = require('yjs');
    const { WebsocketProvider } = require('y-websocket');
    const doc = new Y.Doc();
    const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`,
      `room${++rooms}`, doc, {
        WebSocketPolyfill: require('ws').WebSocket, disableBc: true,
        maxBackoffTime: 100,
      });
    const chat = doc.getArray('chat');

    doc.getArray('echo').observe(({ changes }) => {
      for (const { insert } of changes.delta) insert?.forEach(got);
    });
    provider.on('sync', (synced) => { if (synced) up(); });

    return {
      send: (text) => {
        if (way === 'awareness') {
          provider.awareness.setLocalStateField('user', { name: text });
        } else {
          chat.push([text]);
        }
      },
      close: async () => provider.destroy(),
    };
  };
}

module.exports = [{
  name: 'yjs', decoder: 'yjs', server,
  // A document with an attack in it would be sent again.
  cases: [
    { name: 'update', after: 'ends', client: client('update') },
    { name: 'awareness', after: 'ends', client: client('awareness') },
  ],
}];
