package yamlpb

import "fmt"

// Problem is one fault of a YAML file, with the place where a person has to look.
type Problem struct {
	// File is the name that Decode was given.
	File string
	// Line counts from one; 0 when the fault is about the file as a whole.
	Line int
	// Place is the path of the value inside the document, e.g. `operations[2].request.path`; empty for the document itself.
	Place string
	// Text says what is wrong and, where that is known, what would be right.
	Text string
}

// Error joins file, line, place and text the way compilers do, so that editors can jump to it.
func (p *Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, p.Line)
	}
	if p.Place != "" {
		where += ": " + p.Place
	}
	return where + ": " + p.Text
}
