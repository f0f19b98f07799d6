-- +goose Up
CREATE TABLE writes (
    id          BLOB    NOT NULL PRIMARY KEY,
    environment TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    body_digest BLOB    NOT NULL,
    owner       TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('begun', 'sending', 'done', 'unknown')),
    answer      TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    changed_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX writes_to_purge ON writes (changed_ms) WHERE state IN ('begun', 'done');

CREATE TABLE write_owners (
    owner    TEXT    NOT NULL PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE write_owners;
DROP TABLE writes;
