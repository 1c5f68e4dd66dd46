package vnet_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

func FuzzMatches(f *testing.F) {
	for _, s := range [][2]string{{"", "x"}, {"*", ""}, {"a*a", "a"}, {"a*a", "aa"}, {"*ab*b", "ab"}, {"a**b", "ab"},
		{"/checks/*", "/checks/1"}, {"*.test", "a.test"}, {"a*b*c", "abbc"}, {"b*", "a"}, {"a*x*", "abc"}, {"\n*", "\n\n"}, {"*\xff", "\xff"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 64 || len(s) > 256 {
			return
		}
		want := pattern == ""
		if !want {
			// Latin-1 keeps invalid UTF-8 out of the regexp's sight.
			parts := strings.Split(latin1(pattern), "*")
			for k := range parts {
				parts[k] = regexp.QuoteMeta(parts[k])
			}
			want = regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`).MatchString(latin1(s))
		}
		if got := vnet.MatchPattern(pattern, s); got != want {
			t.Errorf("MatchPattern(%q, %q) = %v", pattern, s, got)
		}
	})
}

func latin1(s string) string {
	runes := make([]rune, len(s))
	for k := range len(s) {
		runes[k] = rune(s[k])
	}
	return string(runes)
}

// Whatever the sizes of writes and reads, and wherever the stream is cut: what comes out is what went in, up to the cut.
func FuzzConnSegments(f *testing.F) {
	f.Add([]byte{5, 1, 200}, []byte{3}, -1, -1)
	f.Add([]byte{5, 1, 200}, []byte{3, 100}, 5, 7)
	f.Add([]byte{1}, []byte{1}, 0, 0)
	f.Add([]byte{255, 255, 255, 255, 255}, []byte{255}, 300, 299)
	f.Fuzz(func(t *testing.T, writes, reads []byte, split, stop int) {
		if len(writes) > 200 || len(reads) == 0 || split < -1 || stop < -1 {
			return
		}
		near, far := vnet.Wire(clock.NewMoving(time.Unix(0, 0)), split, stop)
		var sent []byte
		for _, size := range writes {
			for k := range int(size) {
				sent = append(sent, byte(k*7+len(sent)))
			}
		}
		go func() {
			defer far.Close()
			for at, k := 0, 0; k < len(writes); k++ {
				size := int(writes[k]) * 40 % 251 * len(writes) // also far more and less than what is left
				size = min(size, len(sent)-at)
				if n, err := far.Write(sent[at : at+size]); err != nil || n != size {
					return
				}
				at += size
				if k == len(writes)-1 {
					_, _ = far.Write(sent[at:])
				}
			}
		}()
		var got []byte
		var err error
		for k := 0; err == nil; k++ {
			b := make([]byte, max(1, int(reads[k%len(reads)])))
			var n int
			n, err = near.Read(b)
			got = append(got, b[:n]...)
		}
		_ = near.Close()
		want, end := sent, io.EOF
		if stop >= 0 && stop <= len(sent) && len(writes) > 0 {
			want, end = sent[:stop], error(syscall.ECONNRESET)
		}
		if !bytes.Equal(got, want) || !errors.Is(err, end) {
			t.Errorf("got %d bytes and %v, want %d and %v", len(got), err, len(want), end)
		}
	})
}
