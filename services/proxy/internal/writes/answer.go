package writes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// purpose keeps sealed answers apart from whatever else the ring seals.
const purpose = "proxy write answer"

// head is the part of an answer ahead of the body; a line end follows it.
type head struct {
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`
}

// aad binds a sealed answer to its write.
func aad(row Row) []byte {
	b := bytes.Join([][]byte{[]byte(row.Environment), []byte(row.Account), []byte(row.Operation)}, []byte{0})
	b = append(b, row.ID[:]...)
	return append(b, row.Digest[:]...)
}

func (l *Ledger) seal(row Row, a Answer) (string, error) {
	plain, err := json.Marshal(head{a.Status, a.Header})
	if err != nil {
		return "", fmt.Errorf("writes: encode the answer: %w", err)
	}
	plain = append(append(plain, '\n'), a.Body...)
	sealed, err := l.sealer.Seal(purpose, plain, aad(row))
	if err != nil {
		return "", fmt.Errorf("writes: seal the answer: %w", err)
	}
	return sealed, nil
}

func (l *Ledger) open(row Row) (*Answer, error) {
	if row.Answer == "" {
		return nil, errors.New("writes: the answer was not kept")
	}
	plain, err := l.sealer.Open(purpose, row.Answer, aad(row))
	if err != nil {
		return nil, fmt.Errorf("writes: open the answer: %w", err)
	}
	first, body, ok := bytes.Cut(plain, []byte{'\n'})
	var h head
	if err := json.Unmarshal(first, &h); err != nil || !ok {
		return nil, errors.New("writes: the stored answer cannot be read")
	}
	return &Answer{Status: h.Status, Header: h.Header, Body: body}, nil
}

// Check tries the sealer on the newest answer, so that a key ring of another
// installation is noticed before a caller is told that his answer is gone.
func (l *Ledger) Check(ctx context.Context) error {
	row, ok, err := l.store.Newest(ctx, l.stamp().Add(-l.opts.Keep))
	if err != nil {
		return fmt.Errorf("writes: read the newest answer: %w", err)
	}
	if !ok || row.Answer == "" {
		return nil
	}
	if _, err := l.open(row); err != nil {
		return fmt.Errorf("%w: the key ring belongs to another installation, or lacks the key that answers of writes in this database are sealed with. "+
			"Name the ring that was made for this one in proxy.store.keys (or proxy.sealing_keys, which it defaults to); "+
			"a key that was replaced stays in the list, after the new one, for %s", err, l.opts.Keep)
	}
	return nil
}
