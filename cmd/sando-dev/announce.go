package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// announce writes the ready file, then the banner, which shows each secret once.
func announce(r ready, o options, stdout io.Writer) error {
	if o.readyFile != "" {
		if err := writeReady(r, o.readyFile); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(stdout, `sando is ready on %[1]s, a stand-in Torii with %[6]d users on %[5]s.

T=%[2]s
A=%[3]s
M=%[4]s

curl -H "Authorization: Bearer $T" "%[1]s/proxy/users?integrated_account_id=$A&limit=2"
curl -H "Authorization: Bearer $T" "%[1]s/unified/user-directory/users?integrated_account_id=$A&limit=2"
curl -H "Content-Type: application/json" -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' "$M"

`, r.BaseURL, r.APIToken, r.IntegratedAccountID, r.MCPURL, r.EmulatorURL, o.users)
	return err
}

// writeReady writes beside the file and renames, so that a reader never sees half of it.
func writeReady(r ready, name string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".ready-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(append(text, '\n')); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
