package emulator_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/sando-dev/sando/emulator"
)

func TestLimitsPerOperationAndMinute(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now})
	for range 100 {
		c.get("/roles").want(http.StatusOK)
		clock.advance(100 * time.Millisecond)
	}
	refusal := c.get("/roles")
	refusal.refused(http.StatusTooManyRequests, "100")
	if got := refusal.header.Get("Retry-After"); got != "50" {
		t.Errorf("Retry-After %q, want 50: the first call was 10 seconds ago", got)
	}
	c.get("/orgs/my").want(http.StatusOK) // another operation, another bucket
	clock.advance(50 * time.Second)
	c.get("/roles").want(http.StatusOK)
	c.get("/roles").refused(http.StatusTooManyRequests, "")
	clock.advance(100 * time.Millisecond)
	c.get("/roles").want(http.StatusOK)
}

func TestFixedWindowStartsWithTheMinute(t *testing.T) {
	clock := newClock()
	clock.advance(59 * time.Second)
	_, c := start(t, emulator.Options{Now: clock.Now, RateWindow: emulator.FixedWindow, OmitRetryAfter: true})
	for range 2 {
		for range 100 {
			c.get("/roles").want(http.StatusOK)
		}
		refusal := c.get("/roles")
		refusal.refused(http.StatusTooManyRequests, "")
		if got := refusal.header.Get("Retry-After"); got != "" {
			t.Errorf("Retry-After %q in spite of OmitRetryAfter", got)
		}
		clock.advance(time.Second)
	}
}

func TestBucketsBelongToOrganisationsOrKeys(t *testing.T) {
	for scope, status := range map[emulator.Scope]int{emulator.PerOrg: http.StatusTooManyRequests, emulator.PerKey: http.StatusOK} {
		clock := newClock()
		_, c := start(t, emulator.Options{Now: clock.Now, RateScope: scope, Orgs: []emulator.Org{{ID: 1, Key: "a", Keys: []emulator.Key{{Token: "b"}}}, {ID: 2, Key: "c"}}})
		for range 100 {
			c.as("a").get("/roles").want(http.StatusOK)
		}
		c.as("b").get("/roles").want(status)
		c.as("c").get("/roles").want(http.StatusOK)
	}
}

func TestRateLimitHeaders(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now, RateLimitHeaders: true})
	h := c.get("/roles").header
	if h.Get("X-Rate-Limit-Limit") != "100" || h.Get("X-Rate-Limit-Remaining") != "99" || h.Get("X-Rate-Limit-Reset") != strconv.FormatInt(clock.Now().Add(time.Minute).Unix(), 10) {
		t.Errorf("headers %v", h)
	}
	_, quiet := start(t, emulator.Options{})
	if h := quiet.get("/roles").header; h.Get("X-Rate-Limit-Limit") != "" {
		t.Errorf("headers %v without the option", h)
	}
}

func TestKeysExpire(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now, Orgs: []emulator.Org{{ID: 1, Keys: []emulator.Key{{Token: "k", Expires: clock.Now().Add(time.Hour)}}}}})
	c.as("k").get("/orgs/my").want(http.StatusOK)
	clock.advance(time.Hour)
	c.as("k").get("/orgs/my").refused(http.StatusUnauthorized, "")
}

func TestOptionsAreValidated(t *testing.T) {
	for name, o := range map[string]emulator.Options{
		"too many users":       {Users: emulator.MaxUsers + 1},
		"negative users":       {Users: -1},
		"no organisation id":   {Orgs: []emulator.Org{{Key: "k"}}},
		"same organisation":    {Orgs: []emulator.Org{{ID: 1, Key: "a"}, {ID: 1, Key: "b"}}},
		"same key":             {Orgs: []emulator.Org{{ID: 1, Key: "a"}, {ID: 2, Key: "a"}}},
		"empty key":            {Orgs: []emulator.Org{{ID: 1, Keys: []emulator.Key{{}}}}},
		"unknown access":       {Orgs: []emulator.Org{{ID: 1, Keys: []emulator.Key{{Token: "a", Access: "x"}}}}},
		"contracts version":    {DefaultContractsVersion: "2.0"},
		"executions key":       {ActionExecutionsKey: "data"},
		"window":               {RateWindow: "x"},
		"scope":                {RateScope: "x"},
		"too few apps":         {Orgs: []emulator.Org{{ID: 1, Key: "a", Size: emulator.Size{Apps: 3}}}},
		"negative transaction": {Orgs: []emulator.Org{{ID: 1, Key: "a", Size: emulator.Size{Transactions: -1}}}},
	} {
		if o.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (emulator.Options{}).Validate(); err != nil {
		t.Errorf("the zero options: %v", err)
	}
}
