package vnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// window is how many unread bytes one direction of a connection holds before a writer has to wait.
const window = 256 << 10

// segment is one Write as it travels: a Read returns bytes of one segment only.
type segment struct {
	data    []byte
	delay   time.Duration // how long after the previous segment it arrives
	due     time.Time     // when that is; set when a reader begins to wait for it
	err     error         // what the reader gets once data is read; ends the stream
	problem string        // err in words, for the exchange
	answer  *Exchange     // set on the first segment of an answer
}

// shape is what the next answer on a stream will suffer on its way.
type shape struct {
	answer   *Exchange
	delay    time.Duration
	split    int // cut the segment that crosses this many bytes in two; -1 = do not
	stop     int // deliver only so many bytes, then stopErr; -1 = all
	stopErr  error
	stopText string
	sent     int
}

// stream is one direction of a connection.
type stream struct {
	n   *Network
	clk clock.Clock

	mu         sync.Mutex
	change     sync.Cond
	segments   []segment
	unread     int
	shape      shape
	corked     bool // written bytes are held back until the writer is done, so that an answer arrives as a whole
	noMore     bool // the writer closed its end
	broken     error
	abandoned  error  // the reader's end is closed: what further reads get
	lost       string // why an answer on an abandoned stream is not wanted
	expired    bool   // the read deadline has passed
	deadlines  int    // counts the deadlines that were set: only the timer of the last one may strike
	stopTimer  func() bool
	cancelWait context.CancelCauseFunc // ends the reader's wait for a delayed segment
	arrivals   []arrival               // to be told when the lock is released
	telling    int                     // goroutines that do that now
}

// arrival is news for an exchange. The tap hears of it, so no lock may be held.
type arrival struct {
	answer  *Exchange
	problem string
	lost    bool // no byte of the answer got through
	at      time.Time
}

func (s *stream) tell(x *Exchange, problem string, lost bool) {
	s.arrivals = append(s.arrivals, arrival{x, problem, lost, s.clk.Now()})
}

// unlock releases the lock and then tells the exchanges what happened to their answers.
func (s *stream) unlock() {
	news := s.arrivals
	if len(news) == 0 {
		s.mu.Unlock()
		return
	}
	s.arrivals = nil
	s.telling++
	s.n.tells(1)
	s.mu.Unlock()
	for _, a := range news {
		a.answer.arrived(a.problem, a.lost, a.at)
	}
	s.n.tells(-1)
	s.mu.Lock()
	s.telling--
	s.change.Broadcast()
	s.mu.Unlock()
}

// told waits until the exchanges know of all that happened to their answers so far.
func (s *stream) told() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.telling > 0 {
		s.change.Wait()
	}
}

func (s *stream) init(n *Network) {
	s.n, s.clk = n, n.clk
	s.change.L = &s.mu
	s.shape = shape{split: -1, stop: -1}
}

// write queues b, shaped, as one segment or two.
func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.unread >= window && s.abandoned == nil && s.broken == nil && !s.noMore {
		s.corked = false
		s.change.Broadcast()
		s.change.Wait()
	}
	switch {
	case s.noMore:
		return 0, net.ErrClosed
	case s.broken != nil, s.abandoned != nil:
		return 0, &net.OpError{Op: "write", Net: "vnet", Err: syscall.EPIPE}
	}
	s.push(append([]byte(nil), b...))
	return len(b), nil
}

func (s *stream) push(data []byte) {
	sh := &s.shape
	if at := sh.split - sh.sent; at > 0 && at < len(data) {
		sh.split = -1
		s.push(data[:at])
		s.push(data[at:])
		return
	}
	seg := segment{data: data, delay: sh.delay, answer: sh.answer}
	sh.delay, sh.answer = 0, nil
	if left := sh.stop - sh.sent; sh.stop >= 0 && len(data) >= left {
		seg.data = data[:left]
		seg.err, seg.problem = sh.stopErr, sh.stopText
		s.broken = sh.stopErr
	}
	sh.sent += len(seg.data)
	s.unread += len(seg.data)
	s.segments = append(s.segments, seg)
	s.change.Broadcast()
}

// shapeNext sets what the next answer suffers, and holds its bytes back until [stream.uncork].
func (s *stream) shapeNext(sh shape) {
	s.mu.Lock()
	defer s.unlock()
	s.shape = sh
	s.corked = true
	if s.abandoned != nil {
		s.dropAnswer(s.lost)
	}
}

func (s *stream) uncork() {
	s.mu.Lock()
	if s.corked {
		s.corked = false
		s.change.Broadcast()
	}
	s.mu.Unlock()
}

// stall makes the stream silent for d and then resets it.
func (s *stream) stall(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.corked = false
	s.broken = syscall.ECONNRESET
	s.segments = append(s.segments, segment{
		delay: d, err: errReset, answer: s.shape.answer, problem: fmt.Sprintf("no answer, connection reset after %v", d),
	})
	s.shape.answer = nil
	s.change.Broadcast()
}

// read returns bytes of the first segment, after its delay.
func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.unlock()
	for {
		for s.abandoned == nil && !s.expired && s.nothingYet() {
			s.change.Wait()
		}
		switch {
		case s.abandoned != nil:
			return 0, s.abandoned
		case s.expired:
			return 0, os.ErrDeadlineExceeded
		case len(s.segments) == 0:
			return 0, io.EOF
		}
		caller := s.caller()
		if s.segments[0].delay > 0 {
			if err := s.await(caller); err != nil {
				return 0, err
			}
			continue
		}
		if caller.Err() != nil { // whoever gave up does not get an answer that was written after that
			s.dropAnswer(giveUpText(context.Cause(caller)))
			return 0, context.Cause(caller)
		}
		break
	}
	seg := &s.segments[0]
	if x := seg.answer; x != nil {
		seg.answer = nil
		s.tell(x, seg.problem, seg.err != nil && len(seg.data) == 0)
	}
	n := copy(b, seg.data)
	seg.data = seg.data[n:]
	s.unread -= n
	s.change.Broadcast()
	if len(seg.data) > 0 {
		return n, nil
	}
	err := seg.err
	if err != nil && n > 0 {
		return n, nil // the end is a read of its own
	}
	if err == nil {
		s.segments[0] = segment{}
		s.segments = s.segments[1:]
	}
	return n, err
}

// nothingYet reports whether a reader has to wait: for a segment, or for another reader that waits out its delay.
func (s *stream) nothingYet() bool {
	if len(s.segments) == 0 {
		return !s.noMore
	}
	return s.corked || s.cancelWait != nil
}

// caller returns the context of the request that the first segment answers. It goes with the answer and not with the
// connection: an idle one is read from long before the request comes whose answer that is.
func (s *stream) caller() context.Context {
	if x := s.segments[0].answer; x != nil && x.caller != nil {
		return upstream{x.caller}
	}
	return context.Background()
}

// await waits out the delay of the first segment on the reader's goroutine, up to whatever ends the wait: the caller's
// context, the read deadline, or the close of the connection. The lock is released meanwhile.
func (s *stream) await(caller context.Context) error {
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	seg := &s.segments[0]
	now := s.clk.Now()
	if seg.due.IsZero() {
		seg.due = now.Add(seg.delay)
	}
	left := seg.due.Sub(now)
	s.cancelWait = cancel
	s.mu.Unlock()
	err := s.clk.Sleep(upstream{ctx}, left)
	s.mu.Lock()
	s.cancelWait = nil
	s.change.Broadcast()
	if err == nil && len(s.segments) > 0 {
		s.segments[0].delay = 0
	}
	if err == nil || s.abandoned != nil || s.expired {
		return nil // the caller looks at the stream again
	}
	s.dropAnswer(giveUpText(err))
	return err
}

func giveUpText(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "no answer before the caller's deadline"
	}
	return "the caller gave up before the answer"
}

// dropAnswer closes the exchange of an answer that nobody will read.
func (s *stream) dropAnswer(why string) {
	if x := s.shape.answer; x != nil {
		s.shape.answer = nil
		s.tell(x, why, true)
	}
	for i := range s.segments {
		if x := s.segments[i].answer; x != nil {
			s.segments[i].answer = nil
			s.tell(x, why, true)
		}
	}
}

// closeWrite says that no more will be written.
func (s *stream) closeWrite() {
	s.mu.Lock()
	defer s.unlock()
	s.noMore = true
	s.corked = false
	if x := s.shape.answer; x != nil {
		s.shape.answer = nil
		s.tell(x, "connection closed without an answer", true)
	}
	s.change.Broadcast()
}

// closeRead says that nothing more will be read, why an answer on its way is not wanted any more, and what a reader gets
// who tries all the same.
func (s *stream) closeRead(why string, err error) {
	s.mu.Lock()
	defer s.unlock()
	s.abandoned, s.lost = err, why
	s.dropAnswer(why)
	s.segments, s.unread = nil, 0
	if s.cancelWait != nil {
		s.cancelWait(net.ErrClosed)
	}
	if s.stopTimer != nil {
		s.stopTimer()
	}
	s.change.Broadcast()
}

// setDeadline sets the time, on the network's clock, from which reads fail; zero means never.
func (s *stream) setDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopTimer != nil {
		s.stopTimer()
		s.stopTimer = nil
	}
	s.expired = false
	s.deadlines++
	this := s.deadlines
	if t.IsZero() {
		return
	}
	expire := func() {
		s.expired = true
		if s.cancelWait != nil {
			s.cancelWait(os.ErrDeadlineExceeded)
		}
		s.change.Broadcast()
	}
	left := t.Sub(s.clk.Now())
	if left <= 0 || !t.After(longAgo) {
		expire()
		return
	}
	s.stopTimer = s.clk.AfterFunc(left, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if this == s.deadlines {
			expire()
		}
	})
}

// longAgo is what net/http sets as a deadline to end a pending read at once. It must do so even for a clock that stands
// before it.
var longAgo = time.Unix(1, 0)

// upstream is a context that, when asked, first ends the handlers' contexts it may be derived from, if a caller further
// up the chain of exchanges gave up: a phone that hangs up takes the requests along that were made on its behalf, at
// once and not on some other goroutine's time.
type upstream struct{ context.Context }

func (u upstream) Err() error {
	ExchangeFrom(u.Context).followCaller()
	return u.Context.Err()
}

var errReset error = &net.OpError{Op: "read", Net: "vnet", Err: syscall.ECONNRESET}

// conn is one end of a connection.
type conn struct {
	link          *link
	in, out       *stream
	local, remote net.Addr
	once          sync.Once
}

// link is what both ends of a connection share.
type link struct {
	iface    *Interface
	host     *Host
	secure   bool
	pooled   bool         // it belongs to the interface's own pool
	front    http.Handler // the host as it looks from the caller's end
	up, down stream       // toward the host, toward the caller
	answer   *response    // to the request that is being handled

	mu      sync.Mutex
	caller  context.Context // of the request that is on the connection now, nil when nobody said
	current *Exchange       // the latest on the connection
}

func (l *link) setCurrent(x *Exchange) {
	l.mu.Lock()
	l.current = x
	l.mu.Unlock()
}

// unread returns the latest exchange when it is over and its answer has not been read and closed, if asked of a
// connection that is not idle.
func (l *link) unread() *Exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.pooled || l.current == nil || !l.current.Outcome().Closed {
		return nil
	}
	return l.current
}

func (l *link) setCaller(ctx context.Context) {
	l.mu.Lock()
	l.caller = ctx
	l.mu.Unlock()
}

func (l *link) currentCaller() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.caller == nil {
		return context.Background()
	}
	return l.caller
}

func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return c.in.read(b)
}

func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

func (c *conn) Close() error {
	why := "the caller closed the connection before the answer"
	if caller := c.link.currentCaller(); caller.Err() != nil {
		why = giveUpText(context.Cause(caller))
	}
	c.end(why, net.ErrClosed)
	return nil
}

// reset ends the connection from outside: its reader finds it cut.
func (c *conn) reset(why string) { c.end(why, errReset) }

func (c *conn) end(why string, err error) {
	c.once.Do(func() {
		// The reading side first: the other end may answer the close, and that answer is not for a caller who left.
		c.in.closeRead(why, err)
		c.out.closeWrite()
		if c.out == &c.link.up {
			c.link.iface.forget(c)
		}
	})
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline counts on the network's clock.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(t)
	return nil
}

// SetWriteDeadline has no effect: a write waits only for a reader that has fallen far behind.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
