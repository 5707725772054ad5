// NGINX with the module, between two recorders: client -> before -> NGINX ->
// behind -> server.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Child, freePort, until } = require('./process.js');
const { Recorder } = require('./recorder.js');

const ready = '/worker-is-ready';

// What comes before the rules are compiled waits for them, as this does, and some
// clients give a connection a second.
function answered(port) {
  const path = `${ready}?EIO=4&transport=polling`;

  return new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', path }, (response) => {
      response.resume();
      response.on('end', resolve);
    }).on('error', reject);
  });
}

function config(port, upstream) {
  const { WSI_MODULE, WSI_LIBRARY } = process.env;

  return `daemon off;
pid logs/nginx.pid;
error_log logs/error.log info;
${process.getuid() === 0 ? 'user root;' : ''}
load_module ${WSI_MODULE};
wallarm_websocket_library ${WSI_LIBRARY};
worker_processes 1;
events { worker_connections 1024; }
http {
    client_body_temp_path body; proxy_temp_path proxy; uwsgi_temp_path uwsgi;
    fastcgi_temp_path fastcgi; scgi_temp_path scgi;
    log_format verdict '$status $wallarm_websocket_verdict '
                       '$wallarm_websocket_uninspected $request_uri';
    access_log logs/access.log verdict;
    wallarm_event_log logs/events.json;
    map $http_upgrade $connection_header { default upgrade; '' ''; }
    server {
        listen 127.0.0.1:${port};
        location = ${ready} {
            proxy_pass http://127.0.0.1:${port}/no-content;
            wallarm_parse_websocket on;
        }
        location = /no-content { return 204; }
        location / {
            proxy_pass http://127.0.0.1:${upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_header;
            proxy_set_header Host $http_host;
            proxy_buffering off;
            wallarm_parse_websocket on;
        }
    }
}
`;
}

class Nginx {
  static async start(dir, target) {
    const nginx = new Nginx();
    const port = await freePort();

    nginx.dir = dir;
    fs.rmSync(dir, { recursive: true, force: true });
    fs.mkdirSync(path.join(dir, 'logs'), { recursive: true });

    nginx.behind = await Recorder.start(target);
    fs.writeFileSync(path.join(dir, 'nginx.conf'),
      config(port, nginx.behind.port));
    nginx.child = new Child(path.join(dir, 'logs', 'stderr.log'),
      process.env.WSI_NGINX, ['-p', dir, '-c', path.join(dir, 'nginx.conf')]);
    await nginx.child.listening({ port, host: '127.0.0.1' });
    await answered(port);
    nginx.before = await Recorder.start({ port, host: '127.0.0.1' });
    nginx.port = nginx.before.port;
    return nginx;
  }

  log(name) {
    const file = path.join(this.dir, 'logs', name);
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  }

  lines(name) {
    return this.log(name).split('\n').filter((line) => line !== '');
  }

  events() {
    return this.lines('events.json').map((line) => JSON.parse(line));
  }

  // The WebSocket connections from the given ones of before on, each with its
  // other side.
  async pairs(from) {
    const pairs = [];

    for (const connection of this.before.connections.slice(from)) {
      const near = connection.handshake();
      if (near === undefined) continue;
      const far = await until('the connection behind NGINX', () =>
        this.behind.connections.find(
          (other) => other.handshake()?.key === near.key));
      pairs.push([connection, far]);
    }

    return pairs;
  }

  // NGINX waits for its connections, so the recorders go first.
  async stop() {
    this.before.stop();
    this.behind.stop();
    await this.child.stop('SIGTERM');

    const bad = this.lines('error.log').concat(this.lines('stderr.log'))
      .filter((line) => /\[(alert|emerg|crit)\]|wsi: panic|exited on signal/
        .test(line));
    if (bad.length > 0) throw new Error(`NGINX says: ${bad[0]}`);
  }
}

module.exports = { Nginx };
