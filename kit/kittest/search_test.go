package kittest_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
)

// The search finds a secret that was planted, in every form.
func TestSearchFindsWhatIsPlanted(t *testing.T) {
	const token, key = "sando_api_PLANTEDPLANTEDPLANTEDPLANT", "+/+/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw="
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != 32 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	s := kittest.Secrets{"token": token, "key": key}
	for _, before := range []string{"", "x", "xy", "xyz"} {
		for name, text := range map[string]string{
			"token as it is":                  before + token + " and more",
			"token in hexadecimal":            before + hex.EncodeToString([]byte("="+token+"=")),
			"token in capital hexadecimal":    strings.ToUpper(hex.EncodeToString([]byte(before + token))),
			"token in base64":                 base64.RawStdEncoding.EncodeToString([]byte(before + token + "!")),
			"key as it is":                    before + key,
			"key in a URL":                    "https://sando.example/?k=" + url.QueryEscape(before+key),
			"key raw, as it is":               before + string(raw) + before,
			"key raw, in hexadecimal":         hex.EncodeToString([]byte(before + string(raw))),
			"key raw, in base64 for URLs":     base64.URLEncoding.EncodeToString([]byte(before + string(raw) + "tail")),
			"key raw, in a URL":               url.QueryEscape(before + string(raw)),
			"key in base64":                   base64.StdEncoding.EncodeToString([]byte(before + key + before)),
			"key raw, in capital hexadecimal": strings.ToUpper(hex.EncodeToString(raw)),
		} {
			if found := s.Find([]byte(text)); !slices.Contains(found, name) {
				t.Errorf("%q before it: found %q, want %q", before, found, name)
			}
		}
	}
	if found := s.Find([]byte("sando_api_PLANTEDPLANTEDPLANTEDPLAN+/+/AAECAw")); len(found) > 0 {
		t.Errorf("found %q where there is none", found)
	}
}
