-- +goose Up
CREATE TABLE environments (
  id             TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  frame_origins  TEXT NOT NULL,
  redirect_uris  TEXT NOT NULL,
  mcp_origins    TEXT NOT NULL,
  log_retention  BIGINT NOT NULL,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL
);

CREATE TABLE tokens (
  id             TEXT PRIMARY KEY,
  kind           TEXT NOT NULL,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  account_id     TEXT NOT NULL,
  name           TEXT NOT NULL,
  accounts       TEXT NOT NULL,
  services       TEXT NOT NULL,
  operations     TEXT NOT NULL,
  may_read       BOOLEAN NOT NULL,
  may_write      BOOLEAN NOT NULL,
  expires_at     BIGINT NOT NULL,
  last_used_at   BIGINT NOT NULL,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL,
  config         BYTEA NOT NULL,
  require_second BOOLEAN NOT NULL,
  last_client    TEXT NOT NULL
);
CREATE INDEX tokens_by_environment ON tokens (environment_id, kind, id);
CREATE INDEX tokens_by_account ON tokens (account_id);

-- Keyed hashes of tokens, link tokens and page handles; owner_id is a token or a link.
CREATE TABLE secrets (
  hash       BYTEA PRIMARY KEY,
  owner_id   TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX secrets_by_owner ON secrets (owner_id);

CREATE TABLE accounts (
  id                TEXT PRIMARY KEY,
  environment_id    TEXT NOT NULL REFERENCES environments (id),
  tenant_id         TEXT NOT NULL,
  integration       TEXT NOT NULL,
  method            TEXT NOT NULL,
  status            TEXT NOT NULL,
  context           TEXT NOT NULL,
  organization_id   TEXT NOT NULL,
  organization_name TEXT NOT NULL,
  last_error        TEXT NOT NULL,
  forbidden         TEXT NOT NULL,
  version           BIGINT NOT NULL,
  created_at        BIGINT NOT NULL,
  updated_at        BIGINT NOT NULL,
  refresh_at        BIGINT NOT NULL DEFAULT 0,
  refresh_holder    TEXT NOT NULL DEFAULT '',
  refresh_until     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX accounts_by_environment ON accounts (environment_id, id);
CREATE INDEX accounts_by_tenant ON accounts (environment_id, tenant_id, id);
CREATE INDEX accounts_by_refresh ON accounts (refresh_at);

CREATE TABLE data_keys (
  account_id     TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  environment_id TEXT NOT NULL,
  wrapped_by     TEXT NOT NULL,
  wrapped        BYTEA NOT NULL
);
CREATE INDEX data_keys_by_wrapper ON data_keys (wrapped_by);

CREATE TABLE credential_fields (
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  field      TEXT NOT NULL,
  version    BIGINT NOT NULL,
  sealed     BYTEA NOT NULL,
  PRIMARY KEY (account_id, field)
);

CREATE TABLE links (
  id             TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  tenant_id      TEXT NOT NULL,
  account_id     TEXT NOT NULL,
  integration    TEXT NOT NULL,
  context        TEXT NOT NULL,
  scopes         TEXT NOT NULL,
  redirect_uri   TEXT NOT NULL,
  persist        BOOLEAN NOT NULL,
  created_by     TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  expires_at     BIGINT NOT NULL,
  completed_at   BIGINT NOT NULL
);

-- body is what the hash of an entry covers; the other columns only select.
CREATE TABLE log_entries (
  environment_id TEXT NOT NULL REFERENCES environments (id),
  sequence       BIGINT NOT NULL,
  id             TEXT NOT NULL,
  log_type       TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  account_id     TEXT NOT NULL,
  mcp_server_id  TEXT NOT NULL,
  tool_name      TEXT NOT NULL,
  status         BIGINT NOT NULL,
  body           BYTEA NOT NULL,
  hash           BYTEA NOT NULL,
  PRIMARY KEY (environment_id, sequence),
  UNIQUE (environment_id, id)
);
CREATE INDEX log_entries_by_account ON log_entries (environment_id, account_id, sequence);
CREATE INDEX log_entries_by_time ON log_entries (environment_id, created_at);

CREATE TABLE chains (
  environment_id  TEXT PRIMARY KEY REFERENCES environments (id),
  sequence        BIGINT NOT NULL,
  hash            BYTEA NOT NULL,
  pruned_sequence BIGINT NOT NULL,
  pruned_hash     BYTEA NOT NULL
);

CREATE TABLE events (
  sequence     BIGINT PRIMARY KEY,
  token_ids    TEXT NOT NULL,
  account_ids  TEXT NOT NULL,
  signing_keys BOOLEAN NOT NULL,
  at           BIGINT NOT NULL
);
-- One row: its lock makes the order of sequences the order of commits.
CREATE TABLE event_counter (
  id    BIGINT PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO event_counter (id, value) VALUES (1, 0);

-- +goose Down
DROP TABLE event_counter;
DROP TABLE events;
DROP TABLE chains;
DROP TABLE log_entries;
DROP TABLE links;
DROP TABLE credential_fields;
DROP TABLE data_keys;
DROP TABLE accounts;
DROP TABLE secrets;
DROP TABLE tokens;
DROP TABLE environments;
