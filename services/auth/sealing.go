package auth

import "github.com/sando-dev/sando/kit/sealed"

// SealingKeys are the keys of the ring that seal cursors. A process that runs every service gives them to the others, so that one ring file is enough.
func (c KeysConfig) SealingKeys() ([]sealed.Key, error) {
	ring, err := c.load()
	if err != nil {
		return nil, err
	}
	return ring.Sealing, nil
}
