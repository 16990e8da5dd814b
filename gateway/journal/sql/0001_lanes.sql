-- One table a lane. A row stands at the LAST number that it covers: one event (form 0), one
-- commit's packed readings (form 1) or a gap (form 2). `total` runs over the lane's bytes, so that
-- the size of any range is one subtraction. `crc` covers epoch, lane and every other column.
CREATE TABLE emergency (
    seq INTEGER PRIMARY KEY, span INTEGER NOT NULL, form INTEGER NOT NULL,
    total INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE alarm (
    seq INTEGER PRIMARY KEY, span INTEGER NOT NULL, form INTEGER NOT NULL,
    total INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE service (
    seq INTEGER PRIMARY KEY, span INTEGER NOT NULL, form INTEGER NOT NULL,
    total INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE telemetry (
    seq INTEGER PRIMARY KEY, span INTEGER NOT NULL, form INTEGER NOT NULL,
    total INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);

-- What evicted rows leave behind: a number is never issued twice, however empty the lane.
-- `lost` counts the numbers that were evicted before everybody had receipted them.
CREATE TABLE lane (
    id INTEGER PRIMARY KEY, base INTEGER NOT NULL, total INTEGER NOT NULL, lost INTEGER NOT NULL);
INSERT INTO lane VALUES (0, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0), (3, 0, 0, 0);

-- The present shape of everything open. Looked up by name in memory, so it needs no index here;
-- `change` orders the versions that a salvage may find.
CREATE TABLE state (
    id INTEGER PRIMARY KEY, change INTEGER NOT NULL, room TEXT NOT NULL, key TEXT NOT NULL,
    crc INTEGER NOT NULL, body BLOB NOT NULL);

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Rows of one MiB that are dropped into the free list when the disk refuses to let us grow.
CREATE TABLE reserve (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
