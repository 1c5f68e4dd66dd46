package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxResultBody is how much of the last hop's body is read, in bytes.
const maxResultBody = 64 << 10

// chain follows redirects hop by hop with one cookie jar. It asks for the route anew at each hop, since WiFi or the data SIM
// may change under way.
type chain struct {
	phone        *Phone
	route        func() (Bearer, error)
	maxRedirects int
	hopDeadline  time.Duration
	secure       bool // no hop in clear HTTP
	header       func(hop int) http.Header
	jar          jar
}

func (c *chain) follow(ctx context.Context, u *url.URL) Result {
	c.jar.now = c.phone.clock.Now
	for hop := 0; ; hop++ {
		if c.secure && u.Scheme == "http" {
			upgraded := *u
			upgraded.Scheme = "https"
			u = &upgraded
		}
		next, result := c.hop(ctx, u, hop)
		if next == nil {
			return result
		}
		if hop == c.maxRedirects {
			return failed(CodeRedirectError, "Too many redirects")
		}
		u = next
	}
}

// hop makes one request. It returns where to go next, or else the result.
func (c *chain) hop(ctx context.Context, u *url.URL, hop int) (next *url.URL, result Result) {
	bearer, err := c.route()
	if err != nil {
		if hop == 0 {
			return nil, failed(CodeNoDataConnectivity, err.Error())
		}
		return nil, broken(u, hop, err)
	}
	header := c.header(hop)
	if cookies := c.jar.header(u); cookies != "" {
		header["Cookie"] = []string{cookies}
	}
	addExtra(header, c.phone.extraHeaders())

	caller := ctx
	ctx, done := c.phone.deadline(ctx, c.hopDeadline)
	defer done()
	req := (&http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	resp, err := bearer.RoundTrip(req)
	if err != nil {
		return nil, broken(u, hop, reason(caller, ctx, c.hopDeadline, err))
	}
	defer func() { _ = resp.Body.Close() }()
	c.jar.SetCookies(u, resp.Cookies())
	if next, err = redirectTarget(u, resp); err != nil {
		return nil, failed(CodeRedirectError, err.Error())
	} else if next != nil {
		// What little a redirect says is read, so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, 2<<10)
		return next, Result{}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResultBody))
	if err != nil {
		return nil, broken(u, hop, reason(caller, ctx, c.hopDeadline, err))
	}
	return nil, answered(resp.StatusCode, resp.Header.Get("Content-Type"), body)
}

// broken names the hop by its host alone: the rest of the URL is the check's own secret.
func broken(u *url.URL, hop int, err error) Result {
	return failed(CodeConnectionError, fmt.Sprintf("hop %d, %s://%s: %v", hop+1, u.Scheme, u.Host, err))
}

// reason says why a request under ctx failed, where ctx is the caller's context with a deadline of our own: it prefers the
// reason why either ended to the transport's words for it.
func reason(caller, ctx context.Context, deadline time.Duration, err error) error {
	switch {
	case caller.Err() != nil:
		return context.Cause(caller)
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %v: %w", deadline, context.Cause(ctx))
	}
	return err
}

// redirectTarget returns where a response leads, or nil if it is the end of the chain.
func redirectTarget(from *url.URL, resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, nil
	}
	return resolve(from, location)
}

// resolve returns where a Location leads from a URL.
func resolve(from *url.URL, location string) (*url.URL, error) {
	ref, err := parseRef(location)
	if err != nil {
		return nil, errors.New("the Location of a redirect is not a URL")
	}
	u := from.ResolveReference(ref)
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, errors.New("the Location of a redirect is neither http nor https")
	}
	return u, nil
}

// parseURL parses an absolute URL.
func parseURL(raw string) (*url.URL, error) {
	u, err := parseRef(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "" || u.Host == "" {
		return nil, errors.New("not an absolute URL")
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u, nil
}

// parseRef parses a URL reference and forgives spaces, which some servers leave in Location.
func parseRef(raw string) (*url.URL, error) {
	return url.Parse(strings.ReplaceAll(strings.TrimSpace(raw), " ", "%20"))
}
