// The console works without this: it adds keys, copying, local times and live
// updates. Nothing here makes HTML of a text.

'use strict';

const $ = (id) => document.getElementById(id);

// Times are sent in UTC and shown as the reader's clock has them.
function localise(root) {
  for (const e of root.querySelectorAll('time[datetime]')) {
    const t = new Date(e.dateTime);

    if (isNaN(t)) {
      continue;
    }

    const two = (n) => String(n).padStart(2, '0');
    const day = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
    const now = new Date();
    const today = t.toDateString() === now.toDateString();

    const seconds = 'minute' in e.dataset ? '' : `:${two(t.getSeconds())}`;

    e.textContent = `${today ? '' : `${day} `}${two(t.getHours())}:${two(t.getMinutes())}${seconds}`;
    e.title = e.dateTime;
  }
}

// Rows.

let chosen = null;

const rows = () => [...document.querySelectorAll('.row')];

function choose(row, scroll) {
  document.querySelector('.row.on')?.classList.remove('on');
  chosen = row ? row.dataset.key : null;

  if (row) {
    row.classList.add('on');

    if (scroll) {
      row.scrollIntoView({ block: 'nearest' });
    }
  }
}

function step(by) {
  const all = rows();

  if (all.length === 0) {
    return;
  }

  const at = all.findIndex((row) => row.dataset.key === chosen);
  choose(all[Math.min(Math.max(at + by, 0), all.length - 1)], true);
}

function follow(row) {
  if (row?.dataset.href) {
    location.assign(row.dataset.href);
  }
}

document.addEventListener('click', (event) => {
  const copy = event.target.closest('button.copy');

  if (copy) {
    copyText(copy);
    return;
  }

  const row = event.target.closest('.row');

  if (row && !event.target.closest('a, button, summary, pre')
      && String(getSelection()) === '') {
    follow(row);
  }
});

async function copyText(button) {
  const from = $(button.dataset.copy);

  try {
    await navigator.clipboard.writeText(from.textContent);
    button.textContent = 'Copied';
  } catch {
    // No clipboard without https: leave it selected.
    getSelection().selectAllChildren(from);
    button.textContent = 'Press Ctrl-C';
  }

  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
}

// Keys.

const places = ['/attacks', '/rules', '/connections', '/health'];

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }

  if (event.target.closest('input, textarea, select')) {
    if (event.key === 'Escape') {
      event.target.blur();
    }
    return;
  }

  if ($('help').open) {
    return;
  }

  switch (event.key) {
    case 'j': step(1); break;
    case 'k': step(-1); break;
    case 'Enter':
      if (event.target.closest('a, button, summary')) {
        return;
      }
      follow(document.querySelector('.row.on'));
      break;
    case '/':
      if (!$('q')) {
        return;
      }
      $('q').focus();
      $('q').select();
      break;
    case 'u': $('up')?.click(); break;
    case 'r': update(true); break;
    case '?': $('help').showModal(); break;
    case '1': case '2': case '3': case '4':
      location.assign(places[Number(event.key) - 1]);
      break;
    default: return;
  }

  event.preventDefault();
});

$('keys').addEventListener('click', () => $('help').showModal());

// Filters are folded away where there is no room for them.

if (matchMedia('(max-width: 900px)').matches) {
  $('facets')?.removeAttribute('open');
}

// Live: the server says that something is new, and the page's content is
// fetched again. The document that is received is data: no script of it runs.

let waiting = false;

function live(state, text) {
  $('live').dataset.state = state;
  $('live-text').textContent = text;
}

function busy() {
  return document.hidden || String(getSelection()) !== ''
    || document.activeElement === $('q')
    || document.querySelector('#content[data-hold]') !== null
    || new URLSearchParams(location.search).get('page') > 1
    || scrollY > 400;
}

function news(on) {
  waiting = on;
  $('news').hidden = !on || document.querySelector('#content') === null;
}

let fetching = false;

function update(now) {
  if (!$('content') || fetching) {
    return;
  }

  if (!now && busy()) {
    news(true);
    return;
  }

  const request = new XMLHttpRequest();

  fetching = true;
  request.open('GET', location.href);
  request.responseType = 'document';
  request.onloadend = () => {
    fetching = false;
    const fresh = request.status === 200
      && request.response?.getElementById('content');

    if (!fresh) {
      live('off', 'not answering');
      return;
    }

    const open = new Map([...document.querySelectorAll('details[id]')]
      .map((e) => [e.id, e.open]));

    localise(fresh);
    for (const e of fresh.querySelectorAll('details[id]')) {
      e.open = open.get(e.id) ?? e.open;
    }
    $('content').replaceWith(document.adoptNode(fresh));
    choose(rows().find((row) => row.dataset.key === chosen) ?? null, false);
    news(false);
  };
  request.send();
}

$('news').addEventListener('click', () => update(true));
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && waiting) {
    update(false);
  }
});

function listen() {
  const source = new EventSource('/live');

  source.onopen = () => live('on', 'live');
  source.onerror = () => live('off', 'reconnecting');
  source.addEventListener('change', () => update(false));
  addEventListener('pagehide', () => source.close());
}

localise(document);
if ($('content')) {
  listen();
}
addEventListener('pageshow', (event) => {
  if (event.persisted) {
    listen();
    update(true);
  }
});
