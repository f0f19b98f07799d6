package auth_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A credential under a wrong name would be stored in clear; no call takes one.
func TestOpenValuesAreNoCredentials(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	for name, refused := range map[string]bool{
		"api_token": true, "apikey": true, "api_keys": true, "apiKey": true, "API-KEY": true, "api_kye": true, "aip_kex": true, "key": true,
		"torii.secret": true, "refreshToken": true, "Password": true, "access_token": true,
		"plan": false, "seats": false, "region": false, "api_url": false, "customer_id": false, "notes": false,
	} {
		t.Run(name, func(t *testing.T) {
			value := "value-of-" + strings.ToLower(name)
			quoted, err := json.Marshal(map[string]string{name: value})
			if err != nil {
				t.Fatal(err)
			}
			inner := strings.Trim(string(quoted), "{}")
			for _, c := range []struct{ method, path, body string }{
				{"POST", "/integrated-account", `{"tenant_id":"t","context":{"api_key":"` + goodKey + `",` + inner + `}}`},
				{"PATCH", "/integrated-account/" + id, `{"context":{` + inner + `}}`},
				{"POST", "/link-token", `{"tenant_id":"t","context":{` + inner + `}}`},
			} {
				got := w.call(w.token, c.method, c.path, c.body)
				if !refused {
					got.want(200)
					continue
				}
				got.want(400, "VALIDATION_FAILED")
				if !strings.Contains(got.raw, "context."+name) || !strings.Contains(got.raw, "did you mean api_key?") || strings.Contains(got.raw, value) {
					t.Errorf("%s %s does not name the right field, or quotes the value: %s", c.method, c.path, got.raw)
				}
			}
		})
	}
	rows := w.call(w.token, "GET", "/integrated-account?limit=100", "").want(200).list()
	if text := fmt.Sprint(rows); strings.Contains(text, "value-of-api_token") || strings.Contains(text, "value-of-apikey") {
		t.Errorf("stored in clear: %s", text)
	}
}
