package emulator

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// file is the record of one uploaded file; its bytes lie in the storage under path.
type file struct {
	id      int64
	kind    string
	path    string // <timestamp>/<file name>
	created time.Time
	by      int64
}

func fileKinds() []string {
	return []string{"attachment", "expenseReport", "customIntegrationData", "plugin"}
}

func uploadExtensions() []string {
	return []string{".csv", ".xls", ".xlsx", ".pdf", ".doc", ".docx", ".png", ".jpg", ".jpeg", ".xml", ".json", ".zip"}
}

// Seeded files: an expense report, an attachment and the data of a custom integration.
const (
	seededReport = "Date,Description,Amount,Currency\n2026-10-01,Salesforce,1200.00,USD\n2026-10-02,Zoom,89.90,EUR\n2026-10-03,Kaffee,4.50,EUR\n"
	seededPDF    = "%PDF-1.4\n%%EOF\n"
	seededPeople = `{"users":[{"email":"tony@stark.com","firstName":"Tony","status":"active"}]}`
)

func seedFiles(epoch time.Time) []*file {
	at := epoch.Add(-24 * time.Hour)
	stamp := itoa(at.UnixMilli())
	return []*file{
		{1000, "expenseReport", stamp + "/october.csv", at, world.FirstPersonID},
		{1001, "attachment", stamp + "/Vertrag – signed.pdf", at, world.FirstPersonID},
		{1002, "customIntegrationData", stamp + "/people.json", at, 0},
	}
}

// seededBytes are the contents of the seeded files.
func seededBytes(f *file) []byte {
	switch f.kind {
	case "expenseReport":
		return []byte(seededReport)
	case "attachment":
		return []byte(seededPDF)
	}
	return []byte(seededPeople)
}

func (f *file) name() string { return path.Base(f.path) }

// file finds a file by id.
func (o *org) file(id int64) (*file, bool) {
	i, ok := slices.BinarySearchFunc(o.files, id, func(f *file, id int64) int { return int(f.id - id) })
	if !ok {
		return nil, false
	}
	return o.files[i], true
}

// pathFile is the file that the path names.
func (c *call) pathFile() (*file, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	f, ok := c.org.file(id)
	if !ok {
		return nil, problemf(http.StatusNotFound, "File %d not found", id)
	}
	return f, nil
}

// getFile is GET /files/{id}. It looks among expense reports unless type says otherwise.
func getFile(c *call) (reply, error) {
	kind, err := c.oneOf("type", fileKinds()...)
	if err != nil {
		return reply{}, err
	}
	f, err := c.pathFile()
	if err != nil {
		return reply{}, err
	}
	if f.kind != or(kind, "expenseReport") {
		return reply{}, problemf(http.StatusNotFound, "File %d not found", f.id)
	}
	return answer("file", wire.Obj("id", f.id, "type", f.kind, "fileName", f.name(), "creationTime", wire.Time(f.created), "uploadedBy", ownerID(f.by)))
}

// addFile records a file.
func (c *call) addFile(kind, path string) *file {
	f := &file{id: c.org.files[len(c.org.files)-1].id + 1, kind: kind, path: path, created: c.now, by: world.FirstPersonID}
	c.org.files = append(c.org.files, f)
	c.record("files", "create_upload", wire.Obj("idUpload", f.id, "fileName", f.name()))
	return f
}

// createFile is POST /files: it records what a signed URL has taken in. Whether the bytes arrived is not checked.
func createFile(c *call) (reply, error) {
	p, err := c.closed("path*", "type*")
	if err != nil {
		return reply{}, err
	}
	name, err := p.str("path")
	if err != nil {
		return reply{}, err
	}
	if stamp, base, ok := strings.Cut(name, "/"); !ok || base == "" || strings.Contains(base, "/") || strings.Trim(stamp, "0123456789") != "" || stamp == "" {
		return reply{}, invalidf("\"path\" must be of the form <timestamp>/<filename>")
	}
	kind, err := p.str("type")
	if err != nil {
		return reply{}, err
	}
	if !slices.Contains(fileKinds(), kind) {
		return reply{}, invalidf("\"type\" must be one of [%s]", strings.Join(fileKinds(), ", "))
	}
	return answer("id", c.addFile(kind, name).id)
}

// uploadFile is POST /files/upload: a form with type and file, in either order.
func uploadFile(c *call) (reply, error) {
	media, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return reply{}, problemf(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	form, err := readForm(multipart.NewReader(bytes.NewReader(c.body), params["boundary"]))
	if err != nil {
		return reply{}, err
	}
	switch {
	case form.name == "":
		return reply{}, invalidf("\"file\" is required")
	case form.kind == "":
		return reply{}, invalidf("\"type\" is required")
	case !slices.Contains(fileKinds(), form.kind):
		return reply{}, invalidf("\"type\" must be one of [%s]", strings.Join(fileKinds(), ", "))
	case !slices.Contains(uploadExtensions(), strings.ToLower(path.Ext(form.name))):
		return reply{}, invalidf("\"file\" must have one of the extensions [%s]", strings.Join(uploadExtensions(), ", "))
	case len(form.content) > MaxUpload:
		return reply{}, c.e.oversize()
	}
	where, ok := c.e.storage.keep(c.org.ID, itoa(c.now.UnixMilli())+"/"+path.Base(form.name), form.content)
	if !ok {
		return reply{}, problemf(http.StatusServiceUnavailable, "The emulator's storage is full")
	}
	f := c.addFile(form.kind, where)
	status := http.StatusOK
	if c.e.opts.UploadCreated {
		status = http.StatusCreated
	}
	return send(status, wire.Obj("id", f.id))
}

// uploadForm is what POST /files/upload takes.
type uploadForm struct {
	kind, name string
	content    []byte
}

func readForm(parts *multipart.Reader) (uploadForm, error) {
	var form uploadForm
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return form, problemf(http.StatusBadRequest, "Invalid multipart payload format")
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return form, problemf(http.StatusBadRequest, "Invalid multipart payload format")
		}
		switch part.FormName() {
		case "type":
			form.kind = string(content)
		case "file":
			form.name, form.content = part.FileName(), content
		default:
			return form, invalidf("%q is not allowed", part.FormName())
		}
	}
}

// getUploadURL is GET /files/url: where to PUT a large file, for five minutes. Here type is a MIME type.
func getUploadURL(c *call) (reply, error) {
	for _, name := range []string{"name", "type"} {
		if c.text(name) == "" {
			return reply{}, invalidf("%q is required", name)
		}
	}
	if _, _, err := mime.ParseMediaType(c.text("type")); err != nil {
		return reply{}, invalidf("\"type\" must be a MIME type")
	}
	where := itoa(c.now.UnixMilli()) + "/" + path.Base(c.text("name"))
	return answer("uploadFileParameters", wire.Obj("url", c.e.storage.sign(c.r, "PUT", c.org.ID, where, c.text("type"), c.now), "filePath", where))
}

// downloadFile is GET /files/{id}/download: a redirect to a signed address that must not see the key.
func downloadFile(c *call) (reply, error) {
	f, err := c.pathFile()
	if err != nil {
		return reply{}, err
	}
	where := c.e.storage.sign(c.r, "GET", c.org.ID, f.path, "", c.now)
	return reply{status: http.StatusFound, header: http.Header{"Location": {where}, "Cache-Control": {"no-cache"}}}, nil
}
