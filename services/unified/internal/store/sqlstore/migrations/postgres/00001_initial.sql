-- +goose Up
CREATE TABLE override_version (
  id                    text PRIMARY KEY,
  environment_id        text NOT NULL,
  integrated_account_id text NOT NULL, -- empty for the environment's layer
  model                 text NOT NULL,
  resource              text NOT NULL,
  number                integer NOT NULL,
  revision              bigint NOT NULL UNIQUE,
  body                  text NOT NULL, -- empty for a removal
  author                text NOT NULL,
  reason                text NOT NULL,
  created_at            bigint NOT NULL, -- microseconds since 1970
  UNIQUE (environment_id, integrated_account_id, model, resource, number)
);

-- The newest revision. Its one row is locked while a version is added, so that revisions become visible in order.
CREATE TABLE revision (
  only_row integer PRIMARY KEY CHECK (only_row = 1),
  newest   bigint NOT NULL
);
INSERT INTO revision (only_row, newest) VALUES (1, 0);

-- +goose Down
DROP TABLE revision;
DROP TABLE override_version;
