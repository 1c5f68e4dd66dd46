package vnet

import (
	"net"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// Window is how many unread bytes make a writer wait.
const Window = window

// Wire returns the two ends of a connection that nobody serves. What the far end writes is cut in two after split bytes,
// and off after stop; -1 means not at all.
func Wire(clk clock.Clock, split, stop int) (near, far net.Conn) {
	n := New(Config{Clock: clk})
	l := &link{iface: n.Interface(InterfaceConfig{})}
	l.up.init(n)
	l.down.init(n)
	l.down.shape = shape{split: split, stop: stop, stopErr: errReset}
	return &conn{link: l, in: &l.down, out: &l.up}, &conn{link: l, in: &l.up, out: &l.down}
}

// Cork holds back what the far end writes, Uncork lets it go.
func Cork(near net.Conn)   { near.(*conn).in.shapeNext(shape{split: -1, stop: -1}) }
func Uncork(near net.Conn) { near.(*conn).in.uncork() }
