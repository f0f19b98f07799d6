package cursor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/kit/sealed"
)

func newSealer(t testing.TB) *Sealer {
	t.Helper()
	ring, err := sealed.ParseRing([]sealed.Key{sealed.Generate()})
	if err != nil {
		t.Fatal(err)
	}
	return NewSealer(ring)
}

var (
	scope    = Scope{Account: "a1", Operation: "torii.users.list", Query: "lifecycleStatus=active"}
	position = Position{Upstream: "WyIxMDE1MTkiXQ==", Offset: 7, Size: 100, After: `"9007199254740993"`, Skip: 3, Trail: Trail{mark: 1 << 63, steps: 2, reach: 4}}
)

func TestRoundTrip(t *testing.T) {
	s := newSealer(t)
	for _, want := range []Position{{}, {Upstream: "x"}, position} {
		text, err := s.Seal(want, scope)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Open(text, scope)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Trail{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestAnotherScopeIsRefused(t *testing.T) {
	s := newSealer(t)
	text, err := s.Seal(position, scope)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]Scope{
		"account":         {"a2", scope.Operation, scope.Query},
		"operation":       {scope.Account, "torii.apps.list", scope.Query},
		"query":           {scope.Account, scope.Operation, "lifecycleStatus=offboarded"},
		"no query":        {scope.Account, scope.Operation, ""},
		"shifted borders": {scope.Account + scope.Operation[:1], scope.Operation[1:], scope.Query},
	} {
		if _, err := s.Open(text, other); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: Open = %v, want ErrInvalid", name, err)
		}
	}
	if _, err := newSealer(t).Open(text, scope); !errors.Is(err, ErrInvalid) {
		t.Errorf("another ring: Open = %v, want ErrInvalid", err)
	}
}

// TestNoAlteredCursorOpens flips every bit of a cursor, cuts it everywhere and
// makes random exchanges in it.
func TestNoAlteredCursorOpens(t *testing.T) {
	s := newSealer(t)
	text, err := s.Seal(position, scope)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(altered string) {
		t.Helper()
		if altered == text {
			return
		}
		if _, err := s.Open(altered, scope); !errors.Is(err, ErrInvalid) {
			t.Errorf("Open(%q) = %v, want ErrInvalid", altered, err)
		}
	}
	for i := range len(text) {
		refused(text[:i])
		for bit := range 8 {
			b := []byte(text)
			b[i] ^= 1 << bit
			refused(string(b))
		}
	}
	refused(text + "A")
	refused(text + "=")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b := []byte(text)
		i, j := rng.IntN(len(b)), rng.IntN(len(b))
		b[i], b[j] = b[j], b[i]
		refused(string(b))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Position{}.encode())
	f.Add(position.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(p.encode())
		if err != nil || again != p {
			t.Fatalf("decode(%x) = %+v, and again %+v, %v", b, p, again, err)
		}
	})
}

func TestTrailFindsCircles(t *testing.T) {
	for _, tt := range []struct{ lead, circle int }{{0, 1}, {0, 2}, {3, 1}, {5, 7}, {100, 30}} {
		t.Run(fmt.Sprintf("%d pages then a circle of %d", tt.lead, tt.circle), func(t *testing.T) {
			var trail Trail
			for page := range 4*(tt.lead+tt.circle) + 4 {
				at := page
				if at >= tt.lead {
					at = tt.lead + (page-tt.lead)%tt.circle
				}
				var round bool
				if trail, round = trail.Step(fmt.Sprint("cursor ", at)); round {
					if page < tt.lead+tt.circle {
						t.Fatalf("page %d is new, and was taken for an old one", page)
					}
					return
				}
			}
			t.Error("the circle was not found")
		})
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	s := newSealer(b)
	b.ReportAllocs()
	for b.Loop() {
		text, err := s.Seal(position, scope)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Open(text, scope); err != nil {
			b.Fatal(err)
		}
	}
}
