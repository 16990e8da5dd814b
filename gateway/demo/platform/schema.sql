CREATE TABLE IF NOT EXISTS event (
    station TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL,
    type TEXT NOT NULL, came_ms INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (station, epoch, lane, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gap (
    station TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (station, epoch, lane, last)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (
    station TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, upto INTEGER NOT NULL,
    PRIMARY KEY (station, epoch, lane)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, station TEXT NOT NULL, kind TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    body BLOB NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS life (
    n INTEGER PRIMARY KEY, command TEXT NOT NULL, came_ms INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, event TEXT UNIQUE
);
CREATE INDEX IF NOT EXISTS life_of ON life (command);
CREATE TABLE IF NOT EXISTS claim (
    token TEXT PRIMARY KEY, station TEXT NOT NULL, expires_ms INTEGER NOT NULL, key TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS enrolled (
    station TEXT PRIMARY KEY, key TEXT NOT NULL, at_ms INTEGER NOT NULL
) WITHOUT ROWID;
-- what this platform wrote was called 'sent' before stations came to say that of their own
UPDATE command SET state = 'issued' WHERE state = 'sent'
    AND NOT EXISTS (SELECT 1 FROM life WHERE command = id AND life.state = 'accepted');
UPDATE life SET state = 'issued' WHERE state = 'sent' AND event IS NULL;
