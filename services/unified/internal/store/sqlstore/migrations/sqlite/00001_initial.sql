-- +goose Up
CREATE TABLE override_version (
  id                    TEXT PRIMARY KEY,
  environment_id        TEXT NOT NULL,
  integrated_account_id TEXT NOT NULL, -- empty for the environment's layer
  model                 TEXT NOT NULL,
  resource              TEXT NOT NULL,
  number                INTEGER NOT NULL,
  revision              INTEGER NOT NULL UNIQUE,
  body                  TEXT NOT NULL, -- empty for a removal
  author                TEXT NOT NULL,
  reason                TEXT NOT NULL,
  created_at            INTEGER NOT NULL, -- microseconds since 1970
  UNIQUE (environment_id, integrated_account_id, model, resource, number)
) STRICT;

-- The newest revision. Its one row is locked while a version is added, so that revisions become visible in order.
CREATE TABLE revision (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  newest   INTEGER NOT NULL
) STRICT;
INSERT INTO revision (only_row, newest) VALUES (1, 0);

-- +goose Down
DROP TABLE revision;
DROP TABLE override_version;
