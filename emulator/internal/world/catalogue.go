package world

import "strconv"

// Product is one entry of the global application catalogue.
type Product struct{ Name, Category, Vendor, URL string }

// Catalogue returns the first n products of the global catalogue: well-known ones first, then made-up ones.
func Catalogue(n int) []Product {
	products := known()
	adjectives := []string{"Amber", "Brisk", "Cobalt", "Delta", "Ember", "Fathom", "Granite", "Harbor", "Indigo", "Juniper", "Krypton", "Lumen"}
	nouns := []string{"Desk", "Board", "Sheet", "Vault", "Flow", "Forms", "Pulse", "Ledger", "Signal", "Canvas", "Queue"}
	categories := []string{"Productivity", "Developer Tools", "Finance", "Human Resources", "Marketing", "Security"}
	for i := len(products); i < n; i++ {
		name := adjectives[i%len(adjectives)] + " " + nouns[i/len(adjectives)%len(nouns)]
		if round := i / (len(adjectives) * len(nouns)); round > 0 {
			name += " " + strconv.Itoa(round+1)
		}
		products = append(products, Product{name, categories[i%len(categories)], name + " Inc.", "https://app" + strconv.Itoa(i) + ".example"})
	}
	return products[:n]
}

func known() []Product {
	rows := [][4]string{
		{"Salesforce", "Sales", "Salesforce", "salesforce.com"},
		{"Okta", "Security", "Okta", "okta.com"},
		{"Google Workspace", "Productivity", "Google", "workspace.google.com"},
		{"Workday", "Human Resources", "Workday", "workday.com"},
		{"BambooHR", "Human Resources", "BambooHR", "bamboohr.com"},
		{"Slack", "Collaboration", "Salesforce", "slack.com"},
		{"Zoom", "Collaboration", "Zoom", "zoom.us"},
		{"GitHub", "Developer Tools", "Microsoft", "github.com"},
		{"Atlassian Jira", "Developer Tools", "Atlassian", "atlassian.com"},
		{"Confluence", "Collaboration", "Atlassian", "atlassian.com"},
		{"Notion", "Productivity", "Notion Labs", "notion.so"},
		{"Figma", "Design", "Figma", "figma.com"},
		{"Asana", "Productivity", "Asana", "asana.com"},
		{"HubSpot", "Marketing", "HubSpot", "hubspot.com"},
		{"Zendesk", "Customer Support", "Zendesk", "zendesk.com"},
		{"DocuSign", "Legal", "DocuSign", "docusign.com"},
		{"Dropbox", "Storage", "Dropbox", "dropbox.com"},
		{"Box", "Storage", "Box", "box.com"},
		{"Miro", "Design", "Miro", "miro.com"},
		{"Datadog", "Developer Tools", "Datadog", "datadoghq.com"},
		{"PagerDuty", "Developer Tools", "PagerDuty", "pagerduty.com"},
		{"Snowflake", "Data", "Snowflake", "snowflake.com"},
		{"Tableau", "Data", "Salesforce", "tableau.com"},
		{"monday.com", "Productivity", "monday.com", "monday.com"},
		{"1Password", "Security", "AgileBits", "1password.com"},
		{"Grammarly", "Productivity", "Grammarly", "grammarly.com"},
		{"Canva", "Design", "Canva", "canva.com"},
		{"Airtable", "Productivity", "Airtable", "airtable.com"},
		{"Calendly", "Productivity", "Calendly", "calendly.com"},
		{"Loom", "Collaboration", "Atlassian", "loom.com"},
		{"Lucidchart", "Design", "Lucid", "lucid.co"},
		{"Gong", "Sales", "Gong", "gong.io"},
		{"Outreach", "Sales", "Outreach", "outreach.io"},
		{"Mailchimp", "Marketing", "Intuit", "mailchimp.com"},
		{"QuickBooks", "Finance", "Intuit", "quickbooks.com"},
		{"Expensify", "Finance", "Expensify", "expensify.com"},
		{"NetSuite", "Finance", "Oracle", "netsuite.com"},
		{"Coupa", "Finance", "Coupa", "coupa.com"},
		{"Lattice", "Human Resources", "Lattice", "lattice.com"},
		{"Greenhouse", "Human Resources", "Greenhouse", "greenhouse.io"},
		{"Sentry", "Developer Tools", "Functional Software", "sentry.io"},
		{"Postman", "Developer Tools", "Postman", "postman.com"},
		{"CircleCI", "Developer Tools", "CircleCI", "circleci.com"},
		{"Cloudflare", "Security", "Cloudflare", "cloudflare.com"},
		{"Personio", "Human Resources", "Personio", "personio.de"},
		{"ChatGPT", "Artificial Intelligence", "OpenAI", "chatgpt.com"},
		{"Dovetail Düsseldorf", "Research", "Dovetail", "dovetail.example"},
		{"日本語ツール", "Productivity", "例社", "nihongo.example"},
	}
	products := make([]Product, len(rows))
	for i, r := range rows {
		products[i] = Product{r[0], r[1], r[2], "https://" + r[3]}
	}
	return products
}
