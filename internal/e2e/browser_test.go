package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// Customers link accounts in a real browser: in a dialog, a popup and the same window, through every end that a link can have. The screenshots of all states
// are kept in the folder that SANDO_ARTIFACTS names, bin/screenshots by default.
func TestLinkingInABrowser(t *testing.T) {
	dir := npmInstall(t, "../../sdk/link")
	artifacts := os.Getenv("SANDO_ARTIFACTS")
	if artifacts == "" {
		var err error
		if artifacts, err = filepath.Abs("../../bin/screenshots"); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, []string{"SANDO_ARTIFACTS=" + artifacts}, "npm", "test")
	shots, err := filepath.Glob(filepath.Join(artifacts, "*.png"))
	if err != nil || len(shots) < 6 {
		t.Errorf("%d screenshots in %s (%v), want one per state", len(shots), artifacts, err)
	}
}
