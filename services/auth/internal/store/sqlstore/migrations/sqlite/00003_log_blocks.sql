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
  least_id       TEXT NOT NULL,
  greatest_id    TEXT NOT NULL,
  oldest         BIGINT NOT NULL,
  newest         BIGINT NOT NULL,
  filter         BLOB NOT NULL,
  entries        BLOB NOT NULL,
  PRIMARY KEY (environment_id, last_sequence)
);
CREATE INDEX log_blocks_by_id ON log_blocks (environment_id, greatest_id);

-- +goose Down
DROP TABLE log_blocks;
