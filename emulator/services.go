package emulator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// firstAccountID plus an app's id is the account of the app's own integration; custom ones count from firstCustomAccount.
const (
	firstAccountID     = 50000
	firstCustomAccount = 90000
)

// syncCustom is PUT /services/sync/custom: a JSON file with at least one user that has an address.
func syncCustom(c *call) (reply, error) {
	return c.sync("sync_custom_integration", func(content []byte) error {
		var data struct {
			Users []struct {
				Email string `json:"email"`
			} `json:"users"`
		}
		if json.Unmarshal(content, &data) != nil {
			return invalidf("The file is not valid JSON")
		}
		for _, u := range data.Users {
			if strings.Contains(u.Email, "@") {
				return nil
			}
		}
		return invalidf("The file has no valid user")
	})
}

// syncGluu is PUT /services/sync/gluu: a CSV file.
func syncGluu(c *call) (reply, error) {
	return c.sync("sync_gluu_custom_integration", func(content []byte) error {
		rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
		if err != nil || len(rows) < 2 {
			return invalidf("The file is not valid CSV")
		}
		return nil
	})
}

// sync starts a sync of one account. Another one of the same account within Options.ActionTime is 409. The data itself
// is checked and not taken over.
func (c *call) sync(event string, check func([]byte) error) (reply, error) {
	p, err := c.closed("idFile*", "idAppAccount*")
	if err != nil {
		return reply{}, err
	}
	idFile, _, err := p.id("idFile")
	if err != nil {
		return reply{}, err
	}
	account, _, err := p.id("idAppAccount")
	if err != nil {
		return reply{}, err
	}
	f, ok := c.org.file(idFile)
	if !ok || f.kind != "customIntegrationData" {
		return reply{}, problemf(http.StatusNotFound, "File %d not found", idFile)
	}
	if !c.org.hasAccount(account) {
		return reply{}, problemf(http.StatusNotFound, "App account %d not found", account)
	}
	if busy, ok := c.org.syncing[account]; ok && c.now.Before(busy) {
		return reply{}, problemf(http.StatusConflict, "A sync of app account %d is already in progress", account)
	}
	content, _ := c.e.storage.get(c.org.ID, f.path)
	if err := check(content); err != nil {
		return reply{}, err
	}
	c.org.syncing[account] = c.now.Add(c.e.opts.ActionTime)
	c.record("integrations", event, wire.Obj("idAppAccount", account, "idFile", idFile))
	return answer("success", true)
}

func (o *org) hasAccount(id int64) bool {
	if _, ok := o.accounts[id]; ok {
		return true
	}
	_, ok := o.app(id - firstAccountID)
	return ok
}

// createCustomService is POST /services/custom. Only the call is documented; it takes idApp and answers {appAccount} here.
func createCustomService(c *call) (reply, error) {
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	if err := p.require("idApp*"); err != nil {
		return reply{}, err
	}
	idApp, _, err := p.id("idApp")
	if err != nil {
		return reply{}, err
	}
	if _, ok := c.org.app(idApp); !ok {
		return reply{}, invalidf("\"idApp\": app %d does not exist", idApp)
	}
	id := int64(firstCustomAccount + len(c.org.accounts))
	c.org.accounts[id] = idApp
	c.record("integrations", "update_app_account", wire.Obj("idAppAccount", id, "idApp", idApp))
	return answer("appAccount", wire.Obj("id", id, "idApp", idApp))
}
