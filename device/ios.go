package device

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// IOS is the vendor's SDK 1.0.10 for iOS (idlayr-api §10.1): HTTP/1.1 by hand over mobile data, with 5 seconds for each hop
// until the request is sent. Then nothing but the caller's context ends the wait for an answer, which must arrive in one read.
// It follows 10 redirects, and makes an error of a status that it does not expect or that comes without its JSON.
type IOS struct {
	// Simulator is set on a phone that is not real: every hop then carries x-tru-mode: sandbox, and mobile data is not forced.
	Simulator bool
}

const iosUserAgent = "tru-sdk-ios/" + vendorVersion + " iOS/17.5"

// String is the profile's name in scenarios and the journal.
func (IOS) String() string { return "ios" }

func (s IOS) open(ctx context.Context, p *Phone, call openCall) Result {
	u, id, failure := p.begin(call, CodeInvalidScheme)
	if failure != nil {
		return *failure
	}
	c := rawClient{phone: p, sendLimit: vendorPatience}
	route := p.Cellular
	var authorization, mode string
	if call.accessToken != "" {
		authorization = "Bearer " + call.accessToken + " "
	}
	if s.Simulator {
		route, mode = p.DefaultRoute, "sandbox "
	}
	operators := iosOperators(p)
	// Some values that the SDK sends end with a space. Which ones is not on record; here it is those that are its own.
	for hop := 0; ; hop++ {
		bearer, err := c.obtain(ctx, route)
		if err != nil {
			return broken(u, hop, err)
		}
		text, err := c.exchange(ctx, bearer, u, c.request(u,
			headerField{"Host", u.Host},
			headerField{"Authorization", authorization},
			headerField{"x-tru-sdk-request", strings.ToUpper(id) + " "},
			headerField{"x-tru-ops", operators},
			headerField{"x-tru-mode", mode},
			headerField{"Cookie", c.cookies.header(u)},
			headerField{"User-Agent", iosUserAgent},
			headerField{"Accept", sdkAccept},
			headerField{"Connection", "close"},
		))
		if err != nil {
			return broken(u, hop, err)
		}
		authorization, operators = "", "" // the first hop's alone
		c.cookies.add(text, true)
		status := iosStatus(text)
		if !slices.Contains([]int{301, 302, 303, 307, 308}, status) {
			return iosResult(status, text)
		}
		if hop == vendorRedirects {
			return failed(CodeRedirectError, "Too many redirects")
		}
		location, _ := after(text, "ocation: ")
		if location == "" {
			return failed(CodeRedirectError, "the redirect has no Location")
		}
		if u, err = rawTarget(u, location); err != nil {
			return failed(CodeRedirectError, err.Error())
		}
	}
}

// iosOperators names the operators of all SIMs, whichever carries data.
func iosOperators(p *Phone) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var ids []string
	for _, sim := range p.sims {
		if sim.NetworkID != "" {
			ids = append(ids, sim.NetworkID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return strings.Join(ids, ",") + " "
}

// iosStatus reads the status where "HTTP/1.1 " has it, and nowhere else; 0 if it is no number.
func iosStatus(text string) int {
	if len(text) < 12 {
		return 0
	}
	status, err := strconv.ParseUint(text[9:12], 10, 16)
	if err != nil {
		return 0
	}
	return int(status)
}

func iosResult(status int, text string) Result {
	object := iosJSON(text)
	switch {
	case status == 204:
		return Result{HTTPStatus: status}
	case status >= 200 && status <= 202 && object == "":
		return Result{HTTPStatus: status}
	case status >= 200 && status <= 202, status >= 400 && status <= 451 && object != "", status >= 500 && status <= 511 && object != "":
		return answeredJSON(status, []byte(object))
	}
	return failed(CodeError, fmt.Sprintf("Unexpected HTTP Status %d", status))
}

// iosJSON returns the body from its first brace on if it is declared as JSON, or "". Of a chunked body it knows the end alone:
// what stands between chunks stays.
func iosJSON(text string) string {
	value, ok := after(text, "Content-Type: ")
	if !ok || !slices.ContainsFunc(jsonTypes, func(t string) bool { return strings.Contains(value, t) }) {
		return ""
	}
	b := body(text)
	first := strings.IndexByte(b, '{')
	if first < 0 {
		return ""
	}
	object := b[first:]
	if strings.Contains(text, "Transfer-Encoding: chunked") {
		object, _, _ = strings.Cut(object, "\r\n0\r\n")
	}
	return object
}
