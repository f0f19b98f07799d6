package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// storagePath is where the stand-in for S3 lies. Nothing below it takes an API key; every address is signed.
const storagePath = "/storage/"

const (
	linkLife   = 5 * time.Minute
	maxStored  = 64 << 20  // one file
	maxStorage = 256 << 20 // all of them
)

// storage holds the bytes of files and hands them out by signed address.
type storage struct {
	e      *Emulator
	origin atomic.Pointer[string] // of links, where a Server has chosen one
	secret []byte
	mu     sync.Mutex
	files  map[string][]byte // "<organisation>/<path>"
	bytes  int
}

func newStorage(e *Emulator) *storage {
	return &storage{e: e, secret: []byte("torii-emulator " + strconv.FormatUint(e.opts.Seed, 10)), files: map[string][]byte{}}
}

func (s *storage) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files, s.bytes = map[string][]byte{}, 0
}

// keep stores bytes and returns their path, changed where that is taken; false when the storage is full.
func (s *storage) keep(org int64, where string, content []byte) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stamp, name := path.Split(where)
	for n := 2; s.files[itoa(org)+"/"+where] != nil; n++ {
		where = stamp + itoa(int64(n)) + "-" + name
	}
	return where, s.put(itoa(org)+"/"+where, content)
}

func (s *storage) put(key string, content []byte) bool {
	if s.bytes+len(content)-len(s.files[key]) > maxStorage {
		return false
	}
	s.bytes += len(content) - len(s.files[key])
	s.files[key] = append([]byte{}, content...)
	return true
}

// get returns the bytes of a file, seeded ones included.
func (s *storage) get(org int64, where string) ([]byte, bool) {
	s.mu.Lock()
	content, ok := s.files[itoa(org)+"/"+where]
	s.mu.Unlock()
	if ok {
		return content, true
	}
	for _, f := range seedFiles(s.e.opts.Epoch) {
		if f.path == where {
			return seededBytes(f), true
		}
	}
	return nil, false
}

// sign returns an address that allows one method on one file for five minutes.
func (s *storage) sign(r *http.Request, method string, org int64, where, mediaType string, now time.Time) string {
	origin := s.e.opts.StorageURL
	if own := s.origin.Load(); own != nil {
		origin = *own
	}
	if origin == "" {
		origin = "http://" + r.Host
		if r.TLS != nil {
			origin = "https://" + r.Host
		}
	}
	key := itoa(org) + "/" + where
	expires := itoa(now.Add(linkLife).Unix())
	query := url.Values{"X-Amz-Expires": {expires}, "X-Amz-Signature": {s.signature(method, key, mediaType, expires)}}
	return strings.TrimSuffix(origin, "/") + storagePath + (&url.URL{Path: key}).EscapedPath() + "?" + query.Encode()
}

func (s *storage) signature(parts ...string) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}

// ServeHTTP answers GET and PUT on signed addresses, and refuses requests that carry an API key as S3 does.
func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, storagePath)
	query := r.URL.Query()
	mediaType := ""
	if r.Method == http.MethodPut {
		mediaType = r.Header.Get("Content-Type")
	}
	want := s.signature(r.Method, key, mediaType, query.Get("X-Amz-Expires"))
	expires, err := strconv.ParseInt(query.Get("X-Amz-Expires"), 10, 64)
	switch {
	case r.Header.Get("Authorization") != "":
		refuseXML(w, http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed")
	case err != nil || !hmac.Equal([]byte(want), []byte(query.Get("X-Amz-Signature"))):
		refuseXML(w, http.StatusForbidden, "SignatureDoesNotMatch", "The request signature does not match")
	case s.e.opts.Now().Unix() >= expires:
		refuseXML(w, http.StatusForbidden, "AccessDenied", "Request has expired")
	case r.Method == http.MethodPut:
		s.receive(w, r, key)
	default:
		s.hand(w, key)
	}
}

func (s *storage) receive(w http.ResponseWriter, r *http.Request, key string) {
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxStored))
	if err != nil {
		refuseXML(w, http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.put(key, content) {
		refuseXML(w, http.StatusServiceUnavailable, "SlowDown", "The emulator's storage is full")
	}
}

func (s *storage) hand(w http.ResponseWriter, key string) {
	owner, where, _ := strings.Cut(key, "/")
	org, _ := strconv.ParseInt(owner, 10, 64) // the signature vouches for it
	content, ok := s.get(org, where)
	if !ok {
		refuseXML(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.Write(content) //nolint:errcheck // the client is gone; there is nobody to tell
}

// refuseXML is an error in the form of S3.
func refuseXML(w http.ResponseWriter, status int, code, message string) {
	body, _ := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message}) // two strings always marshal
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client is gone; there is nobody to tell
}
