package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sando-dev/sando/bench/internal/measure"
	"github.com/sando-dev/sando/bench/internal/procfs"
)

// walkers is how many walks go on at once: one is held back by its account's rate limit most of the time.
const walkers = 8

// allUsers are what the stand-in has.
const allUsers = 100_000

// rowB11 streams all 100,000 users of several accounts and compares the cost with copying the same pages through ReverseProxy. The walk is paced by
// the published limit, so it takes half a minute whatever it costs.
func (b *bench) rowB11(ctx context.Context) error {
	s, err := b.needAllInOne(ctx)
	if err != nil {
		return err
	}
	reverse, err := b.needPeer(ctx, "goproxy")
	if err != nil {
		return err
	}
	fresh, err := s.Link(ctx, len(s.accounts)+100, walkers)
	if err != nil {
		return err
	}
	process := s.Processes["proxy"]
	// The upstream renders each page once; copying first takes that out of the way.
	pages, err := b.copyPages(ctx, reverse.url)
	if err != nil {
		return err
	}
	copying := make([]float64, 0, 3)
	for range 3 {
		used, err := cost(reverse.process.PID(), func() error {
			_, err := b.copyPages(ctx, reverse.url)
			return err
		})
		if err != nil {
			return err
		}
		copying = append(copying, used.cpu)
	}
	used, err := cost(process.PID(), func() error { return s.walkAll(ctx, fresh) })
	if err != nil {
		return err
	}
	b.add(reading{
		Row: "B11", What: "CPU of ListAll of 100,000 users / copying its pages", Must: 1.25, Value: once(used.cpu / walkers / measure.Of(copying).Median),
		Note: fmt.Sprintf("%.2f s of CPU for 100,000 users, copying %d pages %.2f s", used.cpu/walkers, pages, measure.Of(copying).Median),
	})
	b.add(reading{
		Row: "B11", What: fmt.Sprintf("memory added by %d walks at once", walkers), Unit: "MB", Must: 16, Value: once(used.peak - used.before),
		Note: "flat: not a function of the number of users",
	})
	return nil
}

type usage struct{ cpu, before, peak float64 }

// cost is what a process uses for something, in seconds and MB.
func cost(pid int, do func() error) (usage, error) {
	if err := procfs.ResetPeak(pid); err != nil {
		return usage{}, err
	}
	before, err := procfs.Read(pid)
	if err != nil {
		return usage{}, err
	}
	if err := do(); err != nil {
		return usage{}, err
	}
	after, err := procfs.Read(pid)
	return usage{(after.CPU - before.CPU).Seconds(), float64(before.Resident) / 1e6, float64(after.Peak) / 1e6}, err
}

// copyPages follows Torii's own cursors through a proxy to the end.
func (b *bench) copyPages(ctx context.Context, base string) (int, error) {
	cursor := ""
	for pages := 1; ; pages++ {
		text, err := fetch(ctx, base+"/users?size=1000&fields="+userFields+cursor)
		if err != nil {
			return pages, err
		}
		var page struct{ NextCursor string }
		// The cursor stands at the end; the rest need not be decoded here.
		at := strings.LastIndex(string(text), `"nextCursor"`)
		if at < 0 {
			return pages, errors.New("a page without nextCursor")
		}
		if err := json.Unmarshal([]byte("{"+string(text[at:])), &page); err != nil {
			return pages, err
		}
		if page.NextCursor == "" {
			return pages, nil
		}
		cursor = "&cursor=" + url.QueryEscape(page.NextCursor)
	}
}

func (s *stage) walkAll(ctx context.Context, accounts []string) error {
	var all sync.WaitGroup
	errs := make([]error, len(accounts))
	for i, account := range accounts {
		all.Go(func() { errs[i] = s.walkOnce(ctx, account) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// walkOnce streams all users as lines; fewer lines than users is an error.
func (s *stage) walkOnce(ctx context.Context, account string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	header := s.header()
	header.Set("Accept", "application/x-ndjson")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Proxy+"/proxy/users?fields="+userFields+"&integrated_account_id="+account, nil)
	if err != nil {
		return err
	}
	r.Header = header
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	n, err := lines(resp.Body)
	if err != nil {
		return fmt.Errorf("after %d lines: %w", n, err)
	}
	if n < allUsers {
		return fmt.Errorf("%d lines, want %d", n, allUsers)
	}
	return nil
}

// lines counts line ends, cheaply.
func lines(r io.Reader) (n int, err error) {
	buffer := make([]byte, 256<<10)
	for {
		got, err := r.Read(buffer)
		n += bytes.Count(buffer[:got], []byte{'\n'})
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return text, err
}
