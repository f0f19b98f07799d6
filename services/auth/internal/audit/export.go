package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Format names the form of an export: lines of JSON, of which the first is a [Header], and each further one holds an entry with its hash, or a
// checkpoint about the entry before it. The last line is a checkpoint, so that a file that was cut off shows.
const Format = "sando.audit.v1"

// Header begins an export.
type Header struct {
	Format        string `json:"format"`
	EnvironmentID string `json:"environment_id"`
	// FirstSequence is that of the first entry; those before it were removed after their retention.
	FirstSequence int64 `json:"first_sequence"`
	// PreviousHash is what the first entry builds on, hex; empty at the beginning of a chain.
	PreviousHash string `json:"previous_hash"`
	// Keys check the checkpoints. They come with the file: compare them with keys kept elsewhere before trusting it.
	Keys json.RawMessage `json:"keys"`
}

// line is one line after the header.
type line struct {
	Entry      json.RawMessage `json:"entry,omitempty"`
	Hash       string          `json:"hash,omitempty"`
	Checkpoint string          `json:"checkpoint,omitempty"`
}

// exportStep is how many entries are read at once.
const exportStep = 500

// Export writes the log of an environment, as it stands now, to out.
func Export(ctx context.Context, s store.Reader, signer *Signer, environmentID string, now time.Time, out io.Writer) error {
	head, err := s.ChainHead(ctx, environmentID)
	if err != nil {
		return fmt.Errorf("audit: environment %s: %w", environmentID, err)
	}
	points, err := s.Checkpoints(ctx, environmentID, head.PrunedSequence)
	if err != nil {
		return err
	}
	final, err := signer.sign(environmentID, head.Sequence, head.Hash, now)
	if err != nil {
		return err
	}
	keys, err := json.Marshal(signer.public)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	x := &exporter{out: bufio.NewWriter(out), points: points}
	x.write(Header{
		Format: Format, EnvironmentID: environmentID, FirstSequence: head.PrunedSequence + 1, PreviousHash: hex.EncodeToString(head.PrunedHash), Keys: keys,
	})
	x.vouch(head.PrunedSequence)
	for at := head.PrunedSequence + 1; at <= head.Sequence && x.err == nil; {
		rows, err := s.LogChain(ctx, environmentID, at, exportStep)
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].Sequence != at {
			return fmt.Errorf("audit: entry %d of %s is missing in the store", at, environmentID)
		}
		for _, row := range rows {
			if row.Sequence > head.Sequence {
				break
			}
			x.write(line{Entry: row.Body, Hash: hex.EncodeToString(row.Hash)})
			x.vouch(row.Sequence)
		}
		at = rows[len(rows)-1].Sequence + 1
	}
	x.write(line{Checkpoint: final.Signed})
	if x.err == nil {
		x.err = x.out.Flush()
	}
	return x.err
}

// exporter writes lines until one fails.
type exporter struct {
	out    *bufio.Writer
	points []store.Checkpoint
	err    error
}

func (x *exporter) write(v any) {
	if x.err != nil {
		return
	}
	b, err := encode(v)
	if err == nil {
		_, err = x.out.Write(append(b, '\n'))
	}
	x.err = err
}

// encode gives the one way that a line of an export is written.
func encode(v any) ([]byte, error) {
	// The body of an entry goes out as it is: an encoder would compact and escape it.
	if l, ok := v.(line); ok && l.Entry != nil {
		return fmt.Appendf(nil, "{\"entry\":%s,\"hash\":%q}", l.Entry, l.Hash), nil
	}
	return json.Marshal(v)
}

// exactly refuses a line that holds more than was read from it, such as a member of another name or one given twice: nobody vouches for that, and
// who reads the file by other means would see it.
func exactly(b []byte, read any) error {
	if want, err := encode(read); err != nil || !bytes.Equal(b, want) {
		return fmt.Errorf("the line is not as an export writes it: something was added to it")
	}
	return nil
}

// vouch writes the stored checkpoint about a sequence, if there is one.
func (x *exporter) vouch(sequence int64) {
	for len(x.points) > 0 && x.points[0].Sequence <= sequence {
		if x.points[0].Sequence == sequence {
			x.write(line{Checkpoint: x.points[0].Signed})
		}
		x.points = x.points[1:]
	}
}

// Report is what a good export holds.
type Report struct {
	EnvironmentID string
	First, Last   int64
	Entries       int64
	Checkpoints   int64
	// Pruned says that entries before the first were removed after their retention.
	Pruned bool
	// KeyIDs are the keys that signed; TrustFile says that they came with the file itself.
	KeyIDs    []string
	TrustFile bool
}

// maxLine bounds one line of an export, in bytes.
const maxLine = 1 << 20

// Verify checks an export offline. trusted is a JSON Web Key Set kept elsewhere; nil takes the keys of the file itself, which then only shows
// that the file is whole. The error says which line does not fit.
func Verify(in io.Reader, trusted []byte) (Report, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	v := &verifier{}
	for n := 1; lines.Scan(); n++ {
		var err error
		if n == 1 {
			err = v.header(lines.Bytes(), trusted)
		} else {
			err = v.line(lines.Bytes())
		}
		if err != nil {
			return v.report, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return v.report, err
	}
	return v.report, v.end()
}

// verifier follows a chain.
type verifier struct {
	report  Report
	keys    jose.JSONWebKeySet
	hash    []byte
	vouched bool // the last line was a good checkpoint
	started bool
}

func (v *verifier) header(b []byte, trusted []byte) error {
	var h Header
	if err := json.Unmarshal(b, &h); err != nil || h.Format != Format {
		return fmt.Errorf("this is not an export of the form %s", Format)
	}
	if trusted == nil {
		trusted, v.report.TrustFile = h.Keys, true
	}
	if err := json.Unmarshal(trusted, &v.keys); err != nil || len(v.keys.Keys) == 0 {
		return fmt.Errorf("the keys are not a JSON Web Key Set")
	}
	if err := exactly(b, h); err != nil {
		return err
	}
	previous, err := hex.DecodeString(h.PreviousHash)
	if err != nil || h.FirstSequence < 1 || (h.FirstSequence == 1) != (len(previous) == 0) {
		return fmt.Errorf("the beginning of the chain makes no sense")
	}
	v.hash, v.started = previous, true
	v.report.EnvironmentID, v.report.First, v.report.Last = h.EnvironmentID, h.FirstSequence, h.FirstSequence-1
	v.report.Pruned = h.FirstSequence > 1
	return nil
}

func (v *verifier) line(b []byte) error {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return fmt.Errorf("not JSON")
	}
	if err := exactly(b, l); err != nil {
		return err
	}
	if l.Checkpoint != "" && l.Entry == nil {
		return v.checkpoint(l.Checkpoint)
	}
	if v.report.Pruned && v.report.Entries == 0 && !v.vouched {
		return fmt.Errorf("no checkpoint vouches for the entries that were removed")
	}
	return v.entry(l)
}

func (v *verifier) entry(l line) error {
	var b Body
	if err := json.Unmarshal(l.Entry, &b); err != nil {
		return fmt.Errorf("the entry cannot be read")
	}
	want := v.report.Last + 1
	switch {
	case b.EnvironmentID != v.report.EnvironmentID:
		return fmt.Errorf("the entry is of another environment")
	case b.Sequence != want:
		return fmt.Errorf("entry %d follows entry %d", b.Sequence, v.report.Last)
	}
	v.hash = Hash(v.hash, l.Entry)
	if hex.EncodeToString(v.hash) != l.Hash {
		return fmt.Errorf("entry %d was altered, or one before it", b.Sequence)
	}
	v.report.Last, v.vouched = want, false
	v.report.Entries++
	return nil
}

func (v *verifier) checkpoint(signed string) error {
	c, err := open(signed, v.keys)
	if err != nil {
		return err
	}
	if c.EnvironmentID != v.report.EnvironmentID || c.Sequence != v.report.Last || c.Hash != hex.EncodeToString(v.hash) {
		return fmt.Errorf("the chain is not what it was when the checkpoint about entry %d was signed", c.Sequence)
	}
	v.vouched = true
	v.report.Checkpoints++
	return nil
}

func (v *verifier) end() error {
	switch {
	case !v.started:
		return fmt.Errorf("the file is empty")
	case !v.vouched:
		return fmt.Errorf("the file does not end with a checkpoint: it was cut off")
	}
	for _, k := range v.keys.Keys {
		v.report.KeyIDs = append(v.report.KeyIDs, k.KeyID)
	}
	return nil
}
