package contract

import (
	"os"
	"path/filepath"

	"github.com/phonechecksim/phonechecksim/internal/plainyaml"
)

// LoadProfile reads a profile from a file. The error names the places of all that is wrong.
func LoadProfile(path string) (*Profile, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := ParseProfile(filepath.Base(path), content)
	if err == nil {
		p.file = filepath.ToSlash(path)
	}
	return p, err
}

// ParseProfile reads a profile. The error names the places of all that is wrong, with the file's name as given.
func ParseProfile(name string, content []byte) (*Profile, error) {
	f := plainyaml.New(name, content)
	p := new(Profile)
	if f.Decode(p, "a profile") {
		_ = p.complete() // what it says is found again, with places
		for _, m := range p.mistakes() {
			f.At(m.at, "%s", m.text)
		}
	}
	if err := f.Mistakes(); err != nil {
		return nil, err
	}
	p.file = name
	return p, nil
}
