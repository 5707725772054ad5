// The clients.  "without" is what a library cannot do; anything else that a
// client skips is a failure.  "debian" is what has to be installed.

'use strict';

const python = '/usr/bin/python3';

module.exports = [
  { name: 'node', run: ['node', 'node.js'], debian: 'nodejs' },
  { name: 'browser', run: ['node', 'browser.js'],
    check: [process.env.CHROMIUM || '/usr/bin/chromium', '--version'],
    without: ['fragments', 'ping'], debian: 'chromium' },
  { name: 'java', build: ['javac', '-d', '.', 'Client.java'],
    run: ['java', '-cp', '.', 'Client'],
    check: ['javac', '-version'], debian: 'default-jdk-headless' },
  { name: 'mono', build: ['mcs', '-out:client.exe', 'Client.cs'],
    run: ['mono', 'client.exe'], without: ['ping'],
    check: ['mcs', '--version'], debian: 'mono-mcs mono-runtime' },
  { name: 'ruby', run: ['ruby', 'ruby.rb'], without: ['fragments'],
    check: ['ruby', '-r', 'faye/websocket', '-e', '1'],
    debian: 'ruby-faye-websocket' },
  { name: 'python-websockets', run: [python, 'python_websockets.py'],
    check: [python, '-c', 'import websockets'], debian: 'python3-websockets' },
  { name: 'python-client', run: [python, 'python_client.py'],
    check: [python, '-c', 'import websocket'], debian: 'python3-websocket' },
  { name: 'php', run: ['php', 'php.php'], check: ['php', '--version'],
    debian: 'php-cli' },
  { name: 'perl', run: ['perl', 'perl.pl'],
    check: ['perl', '-MMojolicious', '-e', '1'],
    debian: 'libmojolicious-perl' },
];
