package kittest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"
)

// RandomKey makes a secret of 8 to 200 printable characters.
func RandomKey(r *rand.Rand) string {
	key := make([]byte, 8+r.IntN(193))
	for i := range key {
		key[i] = byte('!' + r.IntN('~'-'!'+1))
	}
	return string(key)
}

// A Spelling is a way in which a text may quote a secret.
type Spelling struct {
	Name  string
	Write func(secret string) string
}

// Spellings are those that providers use.
func Spellings() []Spelling {
	all := []Spelling{
		{"as it is", func(s string) string { return s }},
		{"JSON", asJSON},
		{"JSON with \\/", func(s string) string { return strings.ReplaceAll(asJSON(s), "/", `\/`) }},
		{"JSON, all \\u", each(func(_ int, c byte) string { return fmt.Sprintf(`\u%04x`, c) })},
		{"JSON, some \\u in capitals", each(func(i int, c byte) string {
			if i%2 == 0 || c == '"' || c == '\\' {
				return fmt.Sprintf(`\u%04X`, c)
			}
			return string(c)
		})},
		{"a query", url.QueryEscape},
		{"a path", url.PathEscape},
		{"percent, all", each(func(_ int, c byte) string { return fmt.Sprintf("%%%02x", c) })},
		{"percent, some", each(func(i int, c byte) string {
			if i%3 == 0 || c == '%' || c == '+' {
				return "%" + mixed(hex.EncodeToString([]byte{c}), i)
			}
			return string(c)
		})},
		{"percent, twice", func(s string) string { return url.PathEscape(url.PathEscape(s)) }},
		{"HTML", html.EscapeString},
		{"HTML, named", named},
		{"HTML, decimal", each(func(_ int, c byte) string { return fmt.Sprintf("&#%d;", c) })},
		{"HTML, hex", each(func(i int, c byte) string { return "&#x" + mixed(fmt.Sprintf("%04x", c), i) + ";" })},
		{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
		{"hex in capitals", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
		{"hex, mixed", func(s string) string { return mixed(hex.EncodeToString([]byte(s)), 1) }},
		{"hex in lines", func(s string) string { return folded(hex.EncodeToString([]byte(s)), 32, "\r\n") }},
		{"hex, listed", func(s string) string { return folded(hex.EncodeToString([]byte(s)), 2, ", ") }},
		{"HTML, some", each(func(i int, c byte) string {
			if i%2 == 0 || c == '&' || c == '#' || c == ';' {
				return fmt.Sprintf("&#%d;", c)
			}
			return string(c)
		})},
		{"JSON in JSON", func(s string) string { return asJSON(asJSON(s)) }},
		{"quoted-printable", quotedPrintable},
		{"quoted-printable, all", func(s string) string {
			return folded(each(func(_ int, c byte) string { return fmt.Sprintf("=%02X", c) })(s), 60, "=\r\n")
		}},
	}
	for length, end := range map[int]string{4: "\n    ", 64: "\r\n", 76: "\n"} {
		all = append(all, Spelling{fmt.Sprint("base64 in lines of ", length), func(s string) string {
			return folded(base64.StdEncoding.EncodeToString([]byte("user:"+s)), length, end)
		}})
	}
	for name, e := range map[string]*base64.Encoding{
		"base64": base64.StdEncoding, "base64 without padding": base64.RawStdEncoding,
		"base64url": base64.URLEncoding, "base64url without padding": base64.RawURLEncoding,
	} {
		for shift, head := range []string{"", "u", "id", "user:"} {
			all = append(all, Spelling{
				fmt.Sprint(name, " after ", len(head), " bytes"),
				func(s string) string { return e.EncodeToString([]byte(head + s + strings.Repeat("t", shift))) },
			})
		}
	}
	return all
}

func asJSON(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(quoted[1 : len(quoted)-1])
}

func each(write func(i int, c byte) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			b.WriteString(write(i, s[i]))
		}
		return b.String()
	}
}

// folded breaks text into lines of a length.
func folded(s string, length int, end string) string {
	var b strings.Builder
	for ; len(s) > length; s = s[length:] {
		b.WriteString(s[:length] + end)
	}
	return b.String() + s
}

func quotedPrintable(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// mixed writes some of the letters as capitals.
func mixed(s string, from int) string {
	return each(func(i int, c byte) string {
		if (i+from)%2 == 0 {
			return strings.ToUpper(string(c))
		}
		return string(c)
	})(s)
}

func named(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;", "/", "&sol;", "+", "&plus;", "=", "&equals;", `\`, "&bsol;").Replace(s)
}

var (
	inJSON    = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|["\\/bfnrt])`)
	inPercent = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	inQuoted  = regexp.MustCompile(`=[0-9A-Fa-f]{2}|=\r?\n`)
	lineEnd   = regexp.MustCompile(`\r?\n[ \t]*`)
	listing   = regexp.MustCompile(`([0-9a-fA-F]{2})[ ,:\r\n-]+`)
	inBase64  = regexp.MustCompile(`[A-Za-z0-9+/_-]{5,}`)
	inHex     = regexp.MustCompile(`[0-9a-fA-F]{6,}`)
	printable = regexp.MustCompile(`[ -~]{3,}`)
)

// Reveals tells whether a text gives a secret away, in letters of either case,
// undoing whatever encodings it has up to so many layers, by the standard
// library alone.
func Reveals(text, secret string, layers int) bool {
	return reveals(text, strings.ToLower(secret), layers, make(map[string]int))
}

// reveals remembers how many layers of a text are looked through already.
func reveals(text, secret string, layers int, seen map[string]int) bool {
	if done, ok := seen[text]; ok && done >= layers {
		return false
	}
	seen[text] = layers
	if strings.Contains(strings.ToLower(text), secret) {
		return true
	}
	if layers == 0 {
		return false
	}
	for _, next := range decoded(text) {
		if reveals(next, secret, layers-1, seen) {
			return true
		}
	}
	return false
}

func decoded(text string) []string {
	all := []string{
		inJSON.ReplaceAllStringFunc(text, func(escape string) string {
			var s string
			if json.Unmarshal([]byte(`"`+escape+`"`), &s) != nil {
				return escape
			}
			return s
		}),
		inPercent.ReplaceAllStringFunc(text, func(escape string) string {
			s, err := url.PathUnescape(escape)
			if err != nil {
				return escape
			}
			return s
		}),
		html.UnescapeString(text),
		inQuoted.ReplaceAllStringFunc(text, func(escape string) string {
			b, _ := hex.DecodeString(strings.TrimSpace(escape[1:]))
			return string(b)
		}),
		lineEnd.ReplaceAllString(text, ""),
		listing.ReplaceAllString(text, "$1"),
	}
	for skip := range 4 {
		all = append(all, runs(text, inBase64, skip, func(run string) []byte {
			b, _ := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(run))
			return b
		}))
	}
	for skip := range 2 {
		all = append(all, runs(text, inHex, skip, func(run string) []byte {
			b, _ := hex.DecodeString(run)
			return b
		}))
	}
	return all
}

// runs decodes what looks encoded, and keeps what is text.
func runs(text string, what *regexp.Regexp, skip int, decode func(string) []byte) string {
	var b strings.Builder
	for _, run := range what.FindAllString(text, -1) {
		for _, piece := range printable.FindAll(decode(run[skip:]), -1) {
			b.Write(piece)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
