package postgres_test

import (
	"maps"
	"testing"

	"github.com/sando-dev/sando/kit/postgres"
)

func TestBound(t *testing.T) {
	for name, tt := range map[string]struct{ given, want map[string]string }{
		"nothing given": {
			map[string]string{},
			map[string]string{"statement_timeout": "60000", "idle_in_transaction_session_timeout": "60000"},
		},
		"the URL wins": {
			map[string]string{"statement_timeout": "5min", "application_name": "x"},
			map[string]string{"statement_timeout": "5min", "idle_in_transaction_session_timeout": "60000", "application_name": "x"},
		},
	} {
		if postgres.Bound(tt.given); !maps.Equal(tt.given, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.given, tt.want)
		}
	}
}
