package catalog

import (
	"embed"
	"io/fs"
	"os"
)

//go:embed all:torii all:unified
var data embed.FS

// Data is the catalog that is compiled in.
func Data() fs.FS { return data }

// Default loads the catalog that is compiled in.
func Default() (*Catalog, error) { return Load(Data()) }

// LoadDirs loads the compiled-in catalog together with the trees in the given directories, each laid out like the compiled-in one.
func LoadDirs(dirs ...string) (*Catalog, error) {
	trees := []fs.FS{Data()}
	for _, dir := range dirs {
		trees = append(trees, os.DirFS(dir))
	}
	return Load(trees...)
}
