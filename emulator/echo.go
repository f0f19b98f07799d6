package emulator

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// Encoding is a spelling of the key in an answer that quotes it.
type Encoding string

// The spellings that providers and what stands in front of them use.
const (
	EncodingPlain       Encoding = "plain"        // as it is (default); in JSON with the escapes that JSON needs
	EncodingJSONSlash   Encoding = "json-slash"   // in JSON, each / as \/
	EncodingJSONUnicode Encoding = "json-unicode" // in JSON, each character as \u00xx
	EncodingBase64      Encoding = "base64"
	EncodingBase64URL   Encoding = "base64url" // without padding
	EncodingPercent     Encoding = "percent"   // each byte as %XX
	EncodingHex         Encoding = "hex"
	EncodingHTML        Encoding = "html"       // each character as &#NN;
	EncodingHTMLNamed   Encoding = "html-named" // the characters that HTML reserves as named or numbered entities
)

func encodingNames() []string {
	return []string{
		string(EncodingPlain), string(EncodingJSONSlash), string(EncodingJSONUnicode), string(EncodingBase64), string(EncodingBase64URL),
		string(EncodingPercent), string(EncodingHex), string(EncodingHTML), string(EncodingHTMLNamed),
	}
}

// spell writes the key. inJSON says that the result is put between the quotes of a JSON text as it is.
func (enc Encoding) spell(key string, inJSON bool) string {
	each := func(format string) string {
		var b strings.Builder
		for i := range len(key) {
			fmt.Fprintf(&b, format, key[i])
		}
		return b.String()
	}
	switch enc {
	case EncodingJSONUnicode:
		return each(`\u%04x`)
	case EncodingJSONSlash:
		return strings.ReplaceAll(inner(key), "/", `\/`)
	case EncodingBase64:
		return base64.StdEncoding.EncodeToString([]byte(key))
	case EncodingBase64URL:
		return base64.RawURLEncoding.EncodeToString([]byte(key))
	case EncodingPercent:
		return each("%%%02X")
	case EncodingHex:
		return hex.EncodeToString([]byte(key))
	case EncodingHTML:
		return each("&#%d;")
	case EncodingHTMLNamed:
		key = html.EscapeString(key)
	}
	if inJSON {
		return inner(key)
	}
	return key
}

// inner is a JSON text without its quotes.
func inner(s string) string {
	quoted := wire.AppendString(nil, s)
	return string(quoted[1 : len(quoted)-1])
}

// keyOf is the key that a request carries.
func keyOf(r *http.Request) string {
	value := r.Header.Get("Authorization")
	if key, ok := strings.CutPrefix(value, "Bearer "); ok {
		return key
	}
	return value
}

// echo is a refusal that quotes the key, in Torii's form or, below /scim, in that of RFC 7644.
func (f *Fault) echo(rt *route, r *http.Request) reply {
	status := cmp.Or(f.Status, http.StatusBadRequest)
	const mark = "\x00"
	message := strings.ReplaceAll(cmp.Or(f.Text, "The key {key} may not do this"), "{key}", mark)
	rep := (&problem{status: status, message: message}).reply()
	if rt != nil && rt.scim() {
		rep = (&scimProblem{status: status, detail: message}).reply()
	}
	quotedMark := []byte(inner(mark))
	rep.body = bytes.ReplaceAll(rep.body, quotedMark, []byte(f.Encoding.spell(keyOf(r), true)))
	return f.retryAfter(rep)
}

// edgePage is what a content network or a firewall in front of Torii shows instead of asking it.
func (f *Fault) edgePage(r *http.Request) reply {
	status := cmp.Or(f.Status, http.StatusBadGateway)
	title := cmp.Or(f.Text, strconv.Itoa(status)+" "+http.StatusText(status))
	rep := page(status, strings.ReplaceAll(title, "{key}", f.Encoding.spell(keyOf(r), false)))
	rep.header.Set("Server", "edge")
	rep.header.Set("Via", "1.1 edge")
	return f.retryAfter(rep)
}
