package sim

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
)

// source returns an endless stream of bytes that is decided by the seed and the name of who reads it, so that one
// actor's use of chance does not shift another's.
func source(seed uint64, name string) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	for i, b := range []byte(name) {
		key[8+i%24] ^= b
	}
	return &lockedReader{r: rand.NewChaCha8(key)}
}

type lockedReader struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}
