package device

import (
	"context"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// vendorVersion is the release of the vendor's SDKs that Android and IOS model.
	vendorVersion = "1.0.10"
	// vendorPatience is how long they wait for a mobile network, and for what else they wait for with a limit.
	vendorPatience = 5 * time.Second
	// vendorRead is the most they see of a response, head and body together.
	vendorRead = 64 << 10
	// vendorRedirects is how many redirects they follow.
	vendorRedirects = 10
)

// jsonTypes are the media types the vendor's SDKs parse.
var jsonTypes = []string{"application/json", "application/hal+json", "application/problem+json"}

// rawClient is HTTP/1.1 by hand as the vendor's SDKs speak it: a connection for each hop, one write, one read, and a look at
// the text. What does not arrive with that one read does not exist.
type rawClient struct {
	phone                *Phone
	sendLimit, readLimit time.Duration // 0: none
	cookies              rawCookies
}

// obtain asks for a route and, if there is none, waits and asks once more.
func (c *rawClient) obtain(ctx context.Context, route func() (Bearer, error)) (Bearer, error) {
	if b, err := route(); err == nil {
		return b, nil
	}
	c.phone.sleep(ctx, vendorPatience)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return route()
}

// exchange sends a request and returns what one read yields. There is no TLS to see to: a bearer's port 443 is secure.
func (c *rawClient) exchange(ctx context.Context, b Bearer, u *url.URL, request string) (string, error) {
	conn, err := c.send(ctx, b, u, request)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	return c.read(ctx, conn)
}

func (c *rawClient) send(caller context.Context, b Bearer, u *url.URL, request string) (net.Conn, error) {
	ctx, done := caller, func() {}
	if c.sendLimit > 0 {
		ctx, done = c.phone.deadline(caller, c.sendLimit)
	}
	defer done()
	conn, err := b.DialContext(ctx, "tcp", rawAddress(u))
	if err != nil {
		return nil, reason(caller, ctx, c.sendLimit, err)
	}
	unguard := context.AfterFunc(ctx, func() { _ = conn.Close() })
	_, err = io.WriteString(conn, request)
	if inTime := unguard(); !inTime && err == nil {
		err = net.ErrClosed
	}
	if err != nil {
		_ = conn.Close()
		return nil, reason(caller, ctx, c.sendLimit, err)
	}
	return conn, nil
}

func (c *rawClient) read(caller context.Context, conn net.Conn) (string, error) {
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	if c.readLimit > 0 {
		stop := c.phone.clock.AfterFunc(c.readLimit, func() {
			cancel(context.DeadlineExceeded)
			// Here and not on a goroutine of its own: a clock that the reader itself moves must find the wait over at once.
			_ = conn.Close()
		})
		defer stop()
	}
	defer context.AfterFunc(caller, func() { _ = conn.Close() })()
	buf := make([]byte, vendorRead)
	n, err := io.ReadAtLeast(conn, buf, 1) // one Read, unless it brings nothing
	if caller.Err() != nil {
		// Even if something came: who gave up wants no answer, whichever was first.
		return "", context.Cause(caller)
	}
	if err != nil {
		return "", reason(caller, ctx, c.readLimit, err)
	}
	return string(buf[:n]), nil
}

func rawAddress(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// request writes a GET with the SDK's own fields in their order, those without a value left out. What the phone forges takes
// the place of a field of that name and stands at the end.
func (c *rawClient) request(u *url.URL, own ...headerField) string {
	extra := c.phone.extraHeaders()
	var b strings.Builder
	b.WriteString("GET " + u.RequestURI() + " HTTP/1.1\r\n")
	for _, f := range own {
		forged := slices.ContainsFunc(extra, func(e headerField) bool { return strings.EqualFold(e.name, f.name) })
		if f.value != "" && !forged {
			b.WriteString(f.name + ": " + f.value + "\r\n")
		}
	}
	for _, f := range extra {
		b.WriteString(f.name + ": " + f.value + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// rawTarget returns where the text after "ocation: " leads. Spaces, which some servers leave there, become plus signs.
func rawTarget(from *url.URL, location string) (*url.URL, error) {
	return resolve(from, strings.ReplaceAll(location, " ", "+"))
}

// after returns the rest of the first line that contains the mark. The vendor's SDKs look for header fields in this way, case
// and all, and take no notice of where the head ends.
func after(text, mark string) (rest string, ok bool) {
	_, rest, ok = strings.Cut(text, mark)
	rest, _, _ = strings.Cut(rest, "\n")
	return strings.TrimSuffix(rest, "\r"), ok
}

// body is the text after the head; empty if the head does not end.
func body(text string) string {
	_, b, _ := strings.Cut(text, "\r\n\r\n")
	return b
}

// rawCookies are cookies as the vendor's SDKs keep them: in order of arrival, for ever, two of one name side by side.
type rawCookies []rawCookie

type rawCookie struct {
	pair         string // name=value
	domain, path string // empty: any
	secure       bool
}

// add keeps what a response sets. A line may hold several cookies, joined by commas; firstOnly forgets all but one.
func (c *rawCookies) add(text string, firstOnly bool) {
	for line := range strings.Lines(text) {
		_, value, ok := strings.Cut(line, "Set-Cookie:")
		if !ok {
			continue
		}
		for i, one := range splitCookies(value) {
			if i > 0 && firstOnly {
				break
			}
			if cookie, ok := parseRawCookie(one); ok {
				*c = append(*c, cookie)
			}
		}
	}
}

// splitCookies cuts at commas that begin another name=value, so not at the one inside a date.
func splitCookies(line string) []string {
	var out []string
	for part := range strings.SplitSeq(line, ",") {
		head, _, _ := strings.Cut(part, ";")
		if len(out) > 0 && !strings.Contains(head, "=") {
			out[len(out)-1] += "," + part
			continue
		}
		out = append(out, part)
	}
	return out
}

func parseRawCookie(text string) (c rawCookie, ok bool) {
	pair, attributes, _ := strings.Cut(text, ";")
	name, value, ok := strings.Cut(pair, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return c, false
	}
	c.pair = name + "=" + strings.TrimSpace(value)
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "domain":
			c.domain = value
		case "path":
			c.path = value
		case "secure":
			c.secure = true
		}
	}
	return c, true
}

// header returns the Cookie header to send to u, or "".
func (c rawCookies) header(u *url.URL) string {
	path := u.Path
	if path == "" {
		path = "/"
	}
	var pairs []string
	for _, k := range c {
		// Contains, not "is or ends with": the SDKs send a cookie of o2.example to o2.example.evil.test too.
		if (!k.secure || u.Scheme == "https") && strings.Contains(u.Hostname(), k.domain) && strings.HasPrefix(path, k.path) {
			pairs = append(pairs, k.pair)
		}
	}
	return strings.Join(pairs, "; ")
}
