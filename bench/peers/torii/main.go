// Command torii is the upstream of every measurement: the emulator in its bench mode, which renders a page once, seen as many organisations. The
// key bench-N opens organisation N, so that a load can be spread over as many accounts as their published rate limits ask for; all of them
// read the same pages.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator"
)

// keyPrefix starts the keys; the organisation's number follows.
const keyPrefix = "bench-"

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	users := flag.Int("users", 20_000, "users of the organisation that all share")
	gzip := flag.Bool("gzip", false, "compress answers for who accepts it; without, every proxy carries the same bytes")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	torii := emulator.New(emulator.Options{Users: *users, Bench: true, NoRateLimits: true})
	server := &http.Server{Handler: &crowd{torii, *gzip}, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(l))
}

// crowd is the emulator for everybody.
type crowd struct {
	torii *emulator.Emulator
	gzip  bool
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "+keyPrefix)
	if _, err := strconv.ParseInt(number, 10, 64); !ok || err != nil {
		http.Error(w, `{"error":"Unauthorized","message":"Invalid API key"}`, http.StatusUnauthorized)
		return
	}
	if r.URL.Path == emulator.BasePath+"/orgs/my" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"org":{"id":%s,"companyName":"Organisation %s","domain":"org%s.example","creationTime":"2020-01-01T00:00:00.000Z"}}`, number, number, number)
		return
	}
	r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
	if !c.gzip {
		r.Header.Del("Accept-Encoding")
	}
	c.torii.ServeHTTP(w, r)
}
