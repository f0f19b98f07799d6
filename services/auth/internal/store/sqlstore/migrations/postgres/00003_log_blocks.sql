-- +goose Up
-- Many entries of the log in one row. A process of the version before appends to the same chain beside one of this: the head in chains is what
-- orders them, and it is the same. But it does not see what is in blocks: until it is replaced its lists lack those entries, and it refuses to
-- export, and to remove up to, what it does not find. Nothing is lost by it.
--
-- filter and the columns before it tell which blocks cannot hold what is looked for. They stand before the large column, so that reading them
-- does not read it.
CREATE TABLE log_blocks (
  environment_id TEXT NOT NULL REFERENCES environments (id),
  last_sequence  BIGINT NOT NULL,
  first_sequence BIGINT NOT NULL,
  least_id       TEXT COLLATE "C" NOT NULL,
  greatest_id    TEXT COLLATE "C" NOT NULL,
  oldest         BIGINT NOT NULL,
  newest         BIGINT NOT NULL,
  filter         BYTEA NOT NULL,
  entries        BYTEA NOT NULL,
  PRIMARY KEY (environment_id, last_sequence)
);
CREATE INDEX log_blocks_by_id ON log_blocks (environment_id, greatest_id);
-- The server's compression would cost more than all the rest of an append.
ALTER TABLE log_blocks ALTER COLUMN entries SET STORAGE EXTERNAL;
-- Ids are compared by their bytes, as Go does and SQLite. The column keeps its own order: if its type changed, the statements that processes of the
-- version before have prepared would fail, once for each connection.
CREATE INDEX log_entries_by_id ON log_entries (environment_id, id COLLATE "C");

-- +goose Down
DROP INDEX log_entries_by_id;
DROP TABLE log_blocks;
