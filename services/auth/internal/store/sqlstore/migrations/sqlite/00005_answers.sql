-- +goose Up
-- Sealed answers to questions of tool calls, on their way to the replica of mcp that waits for them.
ALTER TABLE events ADD COLUMN answers TEXT NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE events DROP COLUMN answers;
