package emulator

import "strings"

// route is one documented operation.
type route struct {
	id        string // the operation's name in the request log, in faults and in the rate limits
	method    string
	path      string // below BasePath
	limit     int    // published calls per minute
	query     []string
	openQuery bool // further parameters are filters by field
	handle    func(*call) (reply, error)
}

// scim reports whether the route belongs to the SCIM service.
func (rt *route) scim() bool { return strings.HasPrefix(rt.path, "/scim/") }

// writes reports whether the route may change something.
func (rt *route) writes() bool { return rt.method != "GET" }

// routes are the 73 operations that Torii documents, with their limits. The fifth column is the query parameters; a *
// stands for any field of the resource.
func routes() []route {
	table := []struct {
		id, method, path string
		limit            int
		query            string
		handle           func(*call) (reply, error)
	}{
		{"orgs.my.get", "GET", "/orgs/my", 100, "", getOrg},

		{"users.list", "GET", "/users", 100, "email lifecycleStatus isDeletedInIdentitySources isExternal firstName lastName idUsers sort size cursor aggs fields q view filters", listUsers},
		{"users.get", "GET", "/users/{idUser}", 800, "", getUser},
		{"users.update", "PUT", "/users/{idUser}", 200, "", updateUser},
		{"users.fields.list", "GET", "/users/fields", 200, "q", listUserFields},
		{"users.metadata.list", "GET", "/users/metadata", 200, "q", listUserMetadata},
		{"users.apps.list", "GET", "/users/{idUser}/apps", 800, "fields isUserRemovedFromApp state *", listUserApps},
		{"users.apps.get", "GET", "/users/{idUser}/apps/{idApp}", 800, "fields", getUserApp},
		{"users.apps.update", "PUT", "/users/{idUser}/apps/{idApp}", 200, "", updateUserApp},

		{"apps.list", "GET", "/apps", 200, "fields aggs q sort filters size cursor includeLicenses *", listApps},
		{"apps.get", "GET", "/apps/{idApp}", 400, "fields includeLicenses *", getApp},
		{"apps.create", "POST", "/apps/custom", 200, "", createCustomApp},
		{"apps.add", "POST", "/apps", 200, "", addCatalogueApp},
		{"apps.update", "PUT", "/apps/{idApp}", 100, "", updateApp},
		{"apps.users.list", "GET", "/apps/{idApp}/users", 600, "sort q qFields status size cursor", listAppUsers},
		{"apps.search", "GET", "/apps/search", 100, "q limit", searchCatalogue},
		{"apps.similar.list", "GET", "/apps/similar", 400, "idApp", listSimilarApps},
		{"apps.match", "POST", "/apps/match", 100, "", matchApps},
		{"apps.fields.list", "GET", "/apps/fields", 200, "includeDeletedOptions", listAppFields},
		{"apps.fields.create", "POST", "/apps/fields", 50, "", createAppField},
		{"apps.fields.update", "PUT", "/apps/fields/{idField}", 50, "", updateAppField},
		{"apps.fields.delete", "DELETE", "/apps/fields/{idField}", 50, "", deleteAppField},
		{"apps.metadata.list", "GET", "/apps/metadata", 200, "q", listAppMetadata},

		{"contracts.list", "GET", "/contracts", 100, "fields q sort size cursor aggs filters *", listContracts},
		{"contracts.create", "POST", "/contracts", 200, "", createContract},
		{"contracts.get", "GET", "/contracts/{idContract}", 800, "fields", getContract},
		{"contracts.update", "PUT", "/contracts/{idContract}", 400, "", updateContract},
		{"contracts.delete", "DELETE", "/contracts/{idContract}", 200, "", deleteContract},
		{"contracts.fields.list", "GET", "/contracts/fields", 200, "", listContractFields},
		{"contracts.metadata.list", "GET", "/contracts/metadata", 200, "q", listContractMetadata},

		{"roles.list", "GET", "/roles", 100, "", listRoles},
		{"audit.list", "GET", "/audit", 200, "entity startTime endTime size cursor sort", listAudit},

		{"workflows.list", "GET", "/workflows", 500, "type", listWorkflows},
		{"workflows.get", "GET", "/workflows/{idWorkflow}", 200, "", getWorkflow},
		{"workflows.trigger", "POST", "/workflows/{idWorkflow}/trigger", 100, "", triggerWorkflow},
		{"workflows.audit.list", "GET", "/workflows/audit", 200, "startTime endTime offset limit", listWorkflowAudit},
		{"workflows.actionExecutions.list", "GET", "/workflows/actionExecutions", 500, "idActionApp idActionUser idApp idUser cursor size", listActionExecutions},

		{"files.get", "GET", "/files/{id}", 600, "type", getFile},
		{"files.create", "POST", "/files", 200, "", createFile},
		{"files.upload", "POST", "/files/upload", 200, "", uploadFile},
		{"files.url.get", "GET", "/files/url", 200, "name type", getUploadURL},
		{"files.download", "GET", "/files/{id}/download", 600, "", downloadFile},

		{"parsings.get", "GET", "/parsings/{id}", 800, "", getParsing},
		{"parsings.automatic", "PUT", "/parsings/automatic", 200, "", parseAutomatically},
		{"parsings.manual", "PUT", "/parsings/manual", 200, "", parseManually},

		{"plugins.create", "POST", "/plugins", 200, "", createPlugin},
		{"plugins.update", "PUT", "/plugins/{uuidPlugin}", 200, "", publishPlugin},
		{"plugins.delete", "DELETE", "/plugins/{uuidPlugin}", 200, "", deletePlugin},
		{"plugins.fields.list", "GET", "/plugins/{idPlugin}/fields", 200, "", listPluginFields},
		{"plugins.apikey.create", "POST", "/plugins/{uuidPlugin}/apikey", 200, "", createPluginKey},

		{"appCatalog.triggerPolicy", "POST", "/appCatalog/triggerAppAccessRequestPolicy", 100, "", triggerAppPolicy},
		{"appCatalog.policies.list", "GET", "/appCatalog/accessRequestPolicies", 60, "fields", listPolicies},
		{"appCatalog.policies.eligible", "GET", "/appCatalog/accessRequestPolicies/eligible", 60, "userEmail idApp", listEligiblePolicies},
		{"appCatalog.policies.trigger", "POST", "/appCatalog/accessRequestPolicies/{idAccessRequestPolicy}/trigger", 60, "", triggerPolicy},
		{"appCatalog.policies.bulkTrigger", "POST", "/appCatalog/accessRequestPolicies/trigger", 30, "", triggerPolicies},

		{"services.sync.custom", "PUT", "/services/sync/custom", 200, "", syncCustom},
		{"services.sync.gluu", "PUT", "/services/sync/gluu", 200, "", syncGluu},
		{"services.custom.create", "POST", "/services/custom", 50, "", createCustomService},

		{"transactions.list", "GET", "/transactions", 100, "idApp source q mappingStatus sort size cursor fields", listTransactions},
		{"transactions.metadata.list", "GET", "/transactions/metadata", 200, "", listTransactionMetadata},
		{"transactions.update", "PUT", "/transactions/{idTransaction}", 100, "", updateTransaction},

		{"extension.settings.get", "GET", "/extension/settings", 100, "", getExtensionSettings},
		{"extension.settings.update", "PUT", "/extension/settings", 50, "", updateExtensionSettings},
		{"anonymize.create", "POST", "/anonymizeRequest", 200, "", createAnonymizeRequest},

		{"scim.users.list", "GET", "/scim/v2/Users", 200, "filter sortBy sortOrder startIndex count", listSCIMUsers},
		{"scim.users.create", "POST", "/scim/v2/Users", 200, "", createSCIMUser},
		{"scim.users.get", "GET", "/scim/v2/Users/{idUser}", 400, "", getSCIMUser},
		{"scim.users.replace", "PUT", "/scim/v2/Users/{idUser}", 200, "", replaceSCIMUser},
		{"scim.users.patch", "PATCH", "/scim/v2/Users/{idUser}", 200, "", patchSCIMUser},
		{"scim.users.delete", "DELETE", "/scim/v2/Users/{idUser}", 200, "", deleteSCIMUser},
		{"scim.resourceTypes", "GET", "/scim/v2/ResourceTypes", 100, "", listSCIMResourceTypes},
		{"scim.schemas", "GET", "/scim/v2/Schemas", 100, "", listSCIMSchemas},
		{"scim.config", "GET", "/scim/v2/ServiceProviderConfig", 100, "", getSCIMConfig},
	}
	routes := make([]route, len(table))
	for i, row := range table {
		query, open := strings.CutSuffix(row.query, "*")
		routes[i] = route{
			id: row.id, method: row.method, path: row.path, limit: row.limit,
			query: strings.Fields(query), openQuery: open, handle: row.handle,
		}
	}
	return routes
}
