package grant

import "time"

// claims is a grant as the payload of a JWT: times in seconds, as RFC 7519
// wants them.
type claims struct {
	Grant
	IssuedAt       int64 `json:"iat"`
	ExpiresAt      int64 `json:"exp"`
	TokenExpiresAt int64 `json:"texp,omitempty"`
}

func claimsOf(g *Grant) claims {
	c := claims{Grant: *g, IssuedAt: g.IssuedAt.Unix(), ExpiresAt: g.ExpiresAt.Unix()}
	if !g.TokenExpiresAt.IsZero() {
		c.TokenExpiresAt = g.TokenExpiresAt.Unix()
	}
	return c
}

func (c *claims) grant() *Grant {
	g := c.Grant
	g.IssuedAt = time.Unix(c.IssuedAt, 0).UTC()
	g.ExpiresAt = time.Unix(c.ExpiresAt, 0).UTC()
	g.TokenExpiresAt = time.Time{}
	if c.TokenExpiresAt != 0 {
		g.TokenExpiresAt = time.Unix(c.TokenExpiresAt, 0).UTC()
	}
	return &g
}
