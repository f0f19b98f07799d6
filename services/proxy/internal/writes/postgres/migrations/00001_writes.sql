-- +goose Up
CREATE SCHEMA IF NOT EXISTS proxy;

CREATE TABLE proxy.writes (
    id          bytea  NOT NULL PRIMARY KEY,
    environment text   NOT NULL,
    account     text   NOT NULL,
    operation   text   NOT NULL,
    body_digest bytea  NOT NULL,
    owner       text   NOT NULL,
    state       text   NOT NULL CHECK (state IN ('begun', 'sending', 'done', 'unknown')),
    answer      text   NOT NULL,
    created_ms  bigint NOT NULL,
    changed_ms  bigint NOT NULL
);

CREATE INDEX writes_to_purge ON proxy.writes (changed_ms) WHERE state IN ('begun', 'done');

CREATE TABLE proxy.write_owners (
    owner    text   NOT NULL PRIMARY KEY,
    until_ms bigint NOT NULL
);

-- +goose Down
DROP SCHEMA proxy CASCADE;
