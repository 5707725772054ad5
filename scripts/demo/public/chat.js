// The page of the demo.  Deliberately vulnerable: messages become HTML, with
// their scripts, as in too many real pages.

'use strict';

const $ = (id) => document.getElementById(id);

let socket;
let name;

function line(kind) {
  const item = document.createElement('li');

  item.className = kind;
  $('log').append(item);

  return item;
}

function scroll() {
  $('log').scrollTop = $('log').scrollHeight;
}

function note(text) {
  line('note').textContent = text;
  scroll();
}

function message(kind, author, text) {
  const item = line(kind);
  const head = document.createElement('b');
  const body = document.createElement('div');

  head.textContent = author;
  item.append(head, body);

  // Unlike innerHTML, this also runs <script> elements.
  body.append(document.createRange().createContextualFragment(text));

  scroll();
}

function status(state) {
  $('status').textContent = state;
  $('status').dataset.state = state;
  $('dropped').hidden = state !== 'disconnected';
  $('send').hidden = state === 'disconnected';
}

function users(list) {
  $('users').textContent = `In the room: ${list.join(', ')}`;
}

function join() {
  // The server offers no HTTP polling.  No automatic reconnection either, so
  // that a dropped user is seen to be out.
  socket = io({
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
  });

  socket.on('connect', () => socket.emit('join', name));

  socket.on('welcome', (list) => {
    status('online');
    note('You joined');
    users(list);
  });

  socket.on('user joined', (event) => {
    note(`${event.name} joined`);
    users(event.users);
  });

  socket.on('user left', (event) => {
    note(`${event.name} left`);
    users(event.users);
  });

  socket.on('message', (event) => message('theirs', event.name, event.text));

  socket.on('disconnect', () => status('disconnected'));
  socket.on('connect_error', () => status('disconnected'));
}

$('join').addEventListener('submit', (event) => {
  event.preventDefault();
  name = $('name').value.trim();
  document.title = `${name} - Chat`;
  $('join').hidden = true;
  $('room').hidden = false;
  join();
  $('text').focus();
});

$('send').addEventListener('submit', (event) => {
  const text = $('text').value;

  event.preventDefault();

  if (text !== '') {
    $('text').value = '';
    socket.emit('message', text);
    message('mine', name, text);
  }
});

$('rejoin').addEventListener('click', join);
