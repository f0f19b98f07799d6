-- +goose Up
-- Check values of the keys that this installation has run with: they tell whether a key is the same, and nothing about it.
CREATE TABLE key_checks (
  family TEXT NOT NULL,
  id     TEXT NOT NULL,
  value  BLOB NOT NULL,
  PRIMARY KEY (family, id)
);

-- +goose Down
DROP TABLE key_checks;
