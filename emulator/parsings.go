package emulator

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// parsing is one request to read an expense report.
type parsing struct {
	started        time.Time
	matched, total int
	failed         bool
}

const firstParsingID = 1000

func parsingDateFormats() []string {
	return []string{
		"DD/MM/YYYY", "MM/DD/YYYY", "DD/MM/YY", "MM/DD/YY", "YYYY/MM/DD", "DD.MM.YYYY", "MM.DD.YYYY", "DD.MM.YY", "MM.DD.YY", "YYYY.MM.DD", "DD-MM-YYYY",
		"MM-DD-YYYY", "DD-MM-YY", "MM-DD-YY", "YYYY-MM-DD", "YYYY-MM-DD[Z]", "M/D/YYYY", "D/M/YYYY", "M/D/YY", "D/M/YY", "YYYYMMDD",
	}
}

func parsingCurrencies() []string {
	return strings.Fields("USD EUR GBP NIS ILS JPY AUD SGD CNY KRW VND CAD UAH TRY RUB HKD HUF RON PLN BRL TWD IDR DKK INR ZAR ARS AED CHF SEK ISK NOK MAD SAR NZD KES RSD")
}

// getParsing is GET /parsings/{id}: in progress for Options.ActionTime, then done.
func getParsing(c *call) (reply, error) {
	id, err := c.pathID("id")
	if err != nil {
		return reply{}, err
	}
	i := id - firstParsingID
	if i < 0 || i >= int64(len(c.org.parsings)) {
		return reply{}, problemf(http.StatusNotFound, "Parsing %d not found", id)
	}
	p := c.org.parsings[i]
	status, matched, total := "parsed_successfully", p.matched, p.total
	switch {
	case c.now.Before(p.started.Add(c.e.opts.ActionTime)):
		status, matched, total = "parsing_in_progress", 0, 0
	case p.failed:
		status = "parsing_failed"
	}
	return answer("parse", wire.Obj("id", id, "status", status, "matchedTransactions", matched, "totalTransactions", total))
}

// parseAutomatically is PUT /parsings/automatic.
func parseAutomatically(c *call) (reply, error) {
	p, err := c.closed("idFile*")
	if err != nil {
		return reply{}, err
	}
	return c.parse(p, "parse_existing_upload_for_expenses")
}

// parseManually is PUT /parsings/manual.
func parseManually(c *call) (reply, error) {
	p, err := c.closed("parseConfig*")
	if err != nil {
		return reply{}, err
	}
	object, ok := p["parseConfig"].(map[string]any)
	if !ok {
		return reply{}, invalidf("\"parseConfig\" must be of type object")
	}
	config := payload(object)
	if err := checkParseConfig(config); err != nil {
		return reply{}, err
	}
	return c.parse(config, "parse_manually")
}

func checkParseConfig(config payload) error {
	if err := config.require("idFile*", "transactionDateColumn*", "descriptionColumn*", "amountColumn*", "dateFormat*"); err != nil {
		return err
	}
	format, err := config.str("dateFormat")
	if err != nil {
		return err
	}
	if !slices.Contains(parsingDateFormats(), format) {
		return invalidf("\"dateFormat\" must be one of [%s]", strings.Join(parsingDateFormats(), ", "))
	}
	_, one := config["currency"]
	if _, other := config["currencyColumn"]; one == other {
		return invalidf("\"parseConfig\" must contain exactly one of [currency, currencyColumn]")
	}
	currency, err := config.str("currency")
	if err != nil {
		return err
	}
	if one && !slices.Contains(parsingCurrencies(), currency) {
		return invalidf("\"currency\" must be one of [%s]", strings.Join(parsingCurrencies(), ", "))
	}
	return nil
}

// parse starts reading an expense report and answers the id to poll.
func (c *call) parse(p payload, event string) (reply, error) {
	id, _, err := p.id("idFile")
	if err != nil {
		return reply{}, err
	}
	f, ok := c.org.file(id)
	if !ok || f.kind != "expenseReport" {
		return reply{}, problemf(http.StatusNotFound, "File %d not found", id)
	}
	request := parsing{started: c.now}
	content, _ := c.e.storage.get(c.org.ID, f.path)
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil || len(rows) < 2 {
		request.failed = true
	} else {
		request.total = len(rows) - 1
		request.matched = c.org.matchRows(rows[1:])
	}
	c.org.parsings = append(c.org.parsings, request)
	c.record("transactions", event, wire.Obj("idFile", id))
	return answer("id", firstParsingID+len(c.org.parsings)-1)
}

// matchRows counts the rows that name an application of the organisation.
func (o *org) matchRows(rows [][]string) int {
	n := 0
	for _, row := range rows {
		text := strings.ToLower(strings.Join(row, " "))
		if slices.ContainsFunc(o.apps, func(a *app) bool { return a.name != "" && strings.Contains(text, strings.ToLower(a.name)) }) {
			n++
		}
	}
	return n
}
