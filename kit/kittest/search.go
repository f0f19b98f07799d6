package kittest

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

// Secrets are what must be found nowhere, by what they are.
type Secrets map[string]string

// Find names the secrets that text holds, in clear or in a form that text is often put into.
func (s Secrets) Find(text []byte) []string {
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
	for _, spelling := range Spellings() {
		all = append(all, form{"in the spelling of " + spelling.Name, []byte(spelling.Write(secret))})
	}
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

// MustNotBeIn fails the test for every secret that was written. witness is a word that the text must hold: a search of nothing finds nothing.
func (s Secrets) MustNotBeIn(t testing.TB, name string, text []byte, witness string) {
	t.Helper()
	if !bytes.Contains(text, []byte(witness)) {
		t.Errorf("%s, %d bytes, does not hold %q: was the right thing searched?", name, len(text), witness)
	}
	for _, what := range s.Find(text) {
		t.Errorf("%s holds the %s", name, what)
	}
}

// MustNotBeUnder searches every file below a folder, except for some, and answers all that it searched.
func (s Secrets) MustNotBeUnder(t testing.TB, dir string, except ...string) []byte {
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
		for _, what := range s.Find(text) {
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
