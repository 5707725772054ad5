package console

// The queries, all of them: a test asks SQLite how it answers each, and none
// may read the table of events or of lines from end to end.
const (
	// Writing. One transaction has the events, what they add to, and the
	// offset behind them.
	qInsertEvent = `INSERT OR IGNORE INTO events (id, uid, ts, shape, hits, conn) VALUES (?, ?, ?, ?, ?, ?)`
	qInsertBlock = `INSERT INTO blocks (first, n, lines) VALUES (?, ?, ?)`
	qInsertText  = `INSERT INTO texts (rowid, text) VALUES (?, ?)`
	qInsertShape = `INSERT INTO shapes (id, shape) VALUES (?, ?)`
	qInsertBad   = `INSERT INTO malformed (ts, log, offset, reason, sample) VALUES (?, ?, ?, ?, ?)`
	qTrimBad     = `DELETE FROM malformed WHERE id <= (SELECT max(id) FROM malformed) - 50`
	qAddCounter  = `INSERT INTO counters (name, value) VALUES (?1, ?2)
		ON CONFLICT (name) DO UPDATE SET value = value + ?2`
	qSetSource = `INSERT INTO sources (log, dev, ino, offset, head, seen, done) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
		ON CONFLICT (log, dev, ino) DO UPDATE SET offset = ?4, head = ?5, seen = ?6, done = ?7`
	qDropSource  = `DELETE FROM sources WHERE log = ? AND dev = ? AND ino = ?`
	qSetVersions = `INSERT INTO versions (observer, engine, nginx, first, last) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (observer, engine, nginx) DO UPDATE SET first = min(first, ?4), last = max(last, ?5)`

	// Retention.
	qDropEvents = `DELETE FROM events WHERE id < ?`
	qDropBlocks = `DELETE FROM blocks WHERE first < ?1 AND first + n <= ?1`
	qDropTexts  = `DELETE FROM texts WHERE rowid >= ? AND rowid < ?`
	qDropShape  = `DELETE FROM shapes WHERE id = ?`

	// Start. The first reads the narrow table of events once, in its order,
	// in parts; nothing afterwards does.
	qLoadEvents = `SELECT id, ts, shape, hits, conn FROM events WHERE id > ? ORDER BY id LIMIT 50000`
	qLoadShapes = `SELECT id, shape FROM shapes`
	qLastID     = `SELECT value FROM counters WHERE name = 'last_id'`
	qUnpartedTo = `SELECT value FROM counters WHERE name = 'unparted'`
	qSources    = `SELECT dev, ino, offset, head, seen, done FROM sources WHERE log = ? ORDER BY seen`

	// Pages.
	qHasEvent = `SELECT id FROM events WHERE uid = ?`
	qBlock    = `SELECT first, n, lines FROM blocks WHERE first <= ? ORDER BY first DESC LIMIT 1`
	qSearch   = `SELECT rowid FROM texts WHERE texts MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC LIMIT ?`
	qBad      = `SELECT ts, log, offset, reason, sample FROM malformed ORDER BY id DESC LIMIT 50`
	qCounters = `SELECT name, value FROM counters`
	qVersions = `SELECT observer, engine, nginx, first, last FROM versions ORDER BY last DESC LIMIT 200`
	qLogs     = `SELECT log, dev, ino, offset, seen, done FROM sources ORDER BY log, seen`
)

var queries = []string{
	qInsertEvent, qInsertBlock, qInsertText, qInsertShape, qInsertBad, qTrimBad, qAddCounter, qSetSource, qDropSource,
	qSetVersions, qDropEvents, qDropBlocks, qDropTexts, qDropShape, qLoadEvents, qLoadShapes, qLastID, qUnpartedTo, qSources,
	qHasEvent, qBlock, qSearch, qBad, qCounters, qVersions, qLogs,
}

// schemaVersion is in the file's user_version. In 1 texts did not say their part.
const schemaVersion = 2

const migrate1 = `INSERT INTO counters (name, value) SELECT 'unparted', value FROM counters WHERE name = 'last_id'`

const schema = `
CREATE TABLE events (
	id INTEGER PRIMARY KEY, -- order of arrival, without gaps
	uid BLOB NOT NULL,      -- event.id
	ts INTEGER NOT NULL,    -- milliseconds
	shape INTEGER NOT NULL,
	hits INTEGER NOT NULL,
	conn INTEGER NOT NULL   -- hash of what names the connection; 0: none
);
CREATE UNIQUE INDEX events_uid ON events (uid);
CREATE TABLE blocks (
	first INTEGER PRIMARY KEY, -- id of the event of the first line
	n INTEGER NOT NULL,
	lines BLOB NOT NULL        -- as logged, zstd
);
CREATE VIRTUAL TABLE texts USING fts5 (text, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 0");
CREATE TABLE shapes (
	id INTEGER PRIMARY KEY,
	shape TEXT NOT NULL     -- JSON array of what filters look at
);
CREATE TABLE malformed (
	id INTEGER PRIMARY KEY, ts INTEGER NOT NULL, log TEXT NOT NULL, offset INTEGER NOT NULL,
	reason TEXT NOT NULL, sample BLOB NOT NULL
);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
	log TEXT NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,
	offset INTEGER NOT NULL, -- behind the last whole line that is stored
	head BLOB NOT NULL,      -- how the file begins: a number of an inode is used again
	seen INTEGER NOT NULL, done INTEGER NOT NULL,
	PRIMARY KEY (log, dev, ino)
) WITHOUT ROWID;
CREATE TABLE versions (
	observer TEXT NOT NULL, engine TEXT NOT NULL, nginx TEXT NOT NULL,
	first INTEGER NOT NULL, last INTEGER NOT NULL,
	PRIMARY KEY (observer, engine, nginx)
) WITHOUT ROWID;
`
