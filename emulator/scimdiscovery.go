package emulator

import (
	"net/http"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// listSCIMResourceTypes is GET /scim/v2/ResourceTypes: a bare array.
func listSCIMResourceTypes(*call) (reply, error) {
	return send(http.StatusOK, []wire.Object{
		wire.Obj("id", "User", "name", "User", "endpoint", "/Users", "description", "User Account", "schema", []string{scimUserURN}),
	})
}

// listSCIMSchemas is GET /scim/v2/Schemas.
func listSCIMSchemas(*call) (reply, error) {
	attribute := func(name, kind string, required bool, mutability string) wire.Object {
		return wire.Obj("name", name, "type", kind, "multiValued", name == "emails", "required", required, "mutability", mutability, "returned", "default")
	}
	user := wire.Obj("id", scimUserURN, "name", "User", "description", "User Account", "attributes", []wire.Object{
		attribute("userName", "string", true, "immutable"), attribute("name", "complex", false, "readWrite"), attribute("active", "boolean", false, "readWrite"),
		attribute("emails", "complex", false, "immutable"), attribute("userType", "string", false, "readWrite"),
	})
	return answer("schemas", []string{scimListURN}, "startIndex", 1, "itemsPerPage", 1, "totalResults", 1, "Resources", []wire.Object{user})
}

// getSCIMConfig is GET /scim/v2/ServiceProviderConfig, with the members that RFC 7643 section 5 requires.
func getSCIMConfig(*call) (reply, error) {
	supported := func(yes bool) wire.Object { return wire.Obj("supported", yes) }
	return answer(
		"schemas", []string{scimConfigURN},
		"patch", supported(true), "bulk", wire.Obj("supported", false, "maxOperations", 0, "maxPayloadSize", 0), "filter", wire.Obj("supported", true, "maxResults", maxSCIMCount), "sort", supported(true),
		"etag", supported(false), "changePassword", supported(false),
		"authenticationSchemes", []wire.Object{wire.Obj("type", "oauthbearertoken", "name", "OAuth Bearer Token", "description", "API key of type Torii SCIM")},
	)
}
