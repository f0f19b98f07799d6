-- +goose Up
-- Signed statements about where a chain stood, so that rewriting all of it shows too.
CREATE TABLE checkpoints (
  environment_id TEXT NOT NULL REFERENCES environments (id),
  sequence       BIGINT NOT NULL,
  signed         TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  PRIMARY KEY (environment_id, sequence)
);

-- +goose Down
DROP TABLE checkpoints;
