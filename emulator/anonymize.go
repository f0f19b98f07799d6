package emulator

import (
	"net/http"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// createAnonymizeRequest is POST /anonymizeRequest. The person's name and addresses go at once, with the custom fields
// that the request names.
func createAnonymizeRequest(c *call) (reply, error) {
	p, err := c.closed("email*", "fields")
	if err != nil {
		return reply{}, err
	}
	email, err := p.str("email")
	if err != nil {
		return reply{}, err
	}
	keys, err := c.anonymizedFields(p)
	if err != nil {
		return reply{}, err
	}
	u, ok := c.org.userByEmail(email)
	if !ok {
		return reply{}, problemf(http.StatusNotFound, "User not found")
	}
	edit := c.org.change(u)
	name := "Anonymized"
	edit.first, edit.last, edit.anonymous = &name, nil, true
	edit.email = "anonymized-" + itoa(u.id()) + "@" + c.org.Domain
	edit.cleared = append(edit.cleared, keys...)
	c.org.anonymised++
	c.record("anonymizeUser", "create_anonymize_request", wire.Obj("idUser", u.id()))
	return answer("id", 1233+c.org.anonymised, "status", "inProgress")
}

func (c *call) anonymizedFields(p payload) ([]string, error) {
	raw, given := p["fields"]
	if !given {
		return nil, nil
	}
	list, ok := raw.([]any)
	if !ok {
		return nil, invalidf("\"fields\" must be an array")
	}
	var keys []string
	for i, item := range list {
		key, ok := item.(string)
		if !ok {
			return nil, invalidf("\"fields[%d]\" must be a string", i)
		}
		if _, ok := c.org.userFind(key); !ok {
			return nil, invalidf("Unknown, deleted or hidden fields: %s", key)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
