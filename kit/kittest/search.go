package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// secrets are what must be found nowhere, by what they are.
type secrets map[string]string

// find names the secrets that text holds, in clear or in a form that text is often put into.
func (s secrets) find(text []byte) []string {
	var found []string
	for _, what := range slices.Sorted(maps.Keys(s)) {
		for _, form := range forms(s[what]) {
			if bytes.Contains(text, form.bytes) {
				found = append(found, what+" "+form.name)
			}
		}
	}
	return found
}

type form struct {
	name  string
	bytes []byte
}

// forms are a secret as it is, and as it looks in hexadecimal, in a URL and anywhere inside of base64. A key that is written in base64 is looked for
// as the bytes that it stands for, too.
func forms(secret string) []form {
	all := encoded("", []byte(secret))
	if raw, err := base64.StdEncoding.DecodeString(secret); err == nil && len(raw) == 32 {
		all = append(all, encoded("raw, ", raw)...)
	}
	return all
}

func encoded(prefix string, secret []byte) []form {
	all := []form{{prefix + "as it is", secret}}
	add := func(name, text string) {
		if !slices.ContainsFunc(all, func(f form) bool { return string(f.bytes) == text }) {
			all = append(all, form{prefix + name, []byte(text)})
		}
	}
	add("in a URL", url.QueryEscape(string(secret)))
	add("in hexadecimal", hex.EncodeToString(secret))
	add("in capital hexadecimal", strings.ToUpper(hex.EncodeToString(secret)))
	for shift := range 3 {
		// Whatever stands before and after, the characters in the middle are the same.
		padded := append(make([]byte, shift), secret...)
		whole := padded[:len(padded)/3*3]
		first := (shift*8 + 5) / 6
		add("in base64", base64.StdEncoding.EncodeToString(whole)[first:])
		add("in base64 for URLs", base64.URLEncoding.EncodeToString(whole)[first:])
	}
	return all
}

// A haystack is something that was written, with a word that it must hold: a search of nothing finds nothing.
type haystack struct {
	name    string
	text    []byte
	witness string
}

func (s secrets) mustNotBeIn(t *testing.T, h haystack) {
	t.Helper()
	if !bytes.Contains(h.text, []byte(h.witness)) {
		t.Errorf("%s, %d bytes, does not hold %q: was the right thing searched?", h.name, len(h.text), h.witness)
	}
	for _, what := range s.find(h.text) {
		t.Errorf("%s holds the %s", h.name, what)
	}
}

// mustNotBeUnder searches every file below a folder, except for some, and answers all that it searched.
func (s secrets) mustNotBeUnder(t *testing.T, dir string, except ...string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || slices.Contains(except, filepath.Base(name)) {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, what := range s.find(text) {
			t.Errorf("%s holds the %s", name, what)
		}
		all = append(all, text...)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// The search finds a secret that was planted, in every form.
func TestSearchFindsWhatIsPlanted(t *testing.T) {
	const token, key = "sando_api_PLANTEDPLANTEDPLANTEDPLANT", "+/+/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw="
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != 32 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	s := secrets{"token": token, "key": key}
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
			if found := s.find([]byte(text)); !slices.Contains(found, name) {
				t.Errorf("%q before it: found %q, want %q", before, found, name)
			}
		}
	}
	if found := s.find([]byte("sando_api_PLANTEDPLANTEDPLANTEDPLAN+/+/AAECAw")); len(found) > 0 {
		t.Errorf("found %q where there is none", found)
	}
}
