package scenarios

import "github.com/phonechecksim/phonechecksim/internal/plainyaml"

// Mistake is something wrong in a scenario file, and where.
type Mistake = plainyaml.Mistake

// Mistakes is every mistake that was found in a file.
type Mistakes = plainyaml.Mistakes

// file is a scenario's source, for pointing into it.
type file struct{ *plainyaml.File }

func newFile(name string, content []byte) file { return file{plainyaml.New(name, content)} }
