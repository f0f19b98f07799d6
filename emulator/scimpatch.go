package emulator

import (
	"net/http"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// patchSCIMUser is PATCH /scim/v2/Users/{idUser}: add, replace and remove on active, userType and name.
func patchSCIMUser(c *call) (reply, error) {
	u, err := c.pathSCIMUser()
	if err != nil {
		return reply{}, err
	}
	p, err := c.scimBody(scimPatchURN)
	if err != nil {
		return reply{}, err
	}
	operations, _ := p["Operations"].([]any)
	changes := payload{}
	for _, item := range operations {
		if err := collectPatch(changes, item); err != nil {
			return reply{}, err
		}
	}
	if u, err = c.writeSCIM(u, changes); err != nil {
		return reply{}, err
	}
	c.record("users", "scim_patch_user", wire.Obj("idUser", u.id()))
	return send(http.StatusOK, u.scimResource())
}

// collectPatch turns one operation into members of a user. Removing a name empties it; nothing else can be removed.
func collectPatch(changes payload, item any) error {
	operation, _ := item.(map[string]any)
	op, _ := operation["op"].(string)
	path, _ := operation["path"].(string)
	value := operation["value"]
	switch strings.ToLower(op) {
	case "add", "replace":
	case "remove":
		if !strings.HasPrefix(path, "name.") {
			return scimError(http.StatusBadRequest, "mutability", "%q cannot be removed", path)
		}
		value = ""
	default:
		return scimError(http.StatusBadRequest, "invalidSyntax", "\"op\" must be one of [add, remove, replace]")
	}
	if path == "" {
		object, ok := value.(map[string]any)
		if !ok {
			return scimError(http.StatusBadRequest, "invalidValue", "An operation without path needs an object as value")
		}
		for _, key := range payload(object).keys() {
			if err := setPatch(changes, key, object[key]); err != nil {
				return err
			}
		}
		return nil
	}
	return setPatch(changes, path, value)
}

func setPatch(changes payload, path string, value any) error {
	switch path {
	case "active", "userType", "name":
		changes[path] = value
	case "name.givenName", "name.familyName":
		name, _ := changes["name"].(map[string]any)
		if name == nil {
			name = map[string]any{}
		}
		name[strings.TrimPrefix(path, "name.")] = value
		changes["name"] = name
	case "userName", "emails", "id":
		return scimError(http.StatusBadRequest, "mutability", "%q cannot be changed", path)
	default:
		return scimError(http.StatusBadRequest, "invalidPath", "Unknown path %q", path)
	}
	return nil
}
