package device

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// Android is the vendor's SDK 1.0.10 for Android (idlayr-api §10.1): HTTP/1.1 by hand over mobile data, with 5 seconds to
// obtain a mobile network and 5 seconds for each answer, which must arrive in one read. It follows a line with "Location:" or
// "location:" wherever it stands and whatever the status. Nine redirects are an error and ten are not; of an endless loop it
// makes a bare status. Any status is a success.
type Android struct {
	// Emulator is set on a phone that is not real: every hop then carries x-tru-mode: sandbox.
	Emulator bool
}

const (
	androidUserAgent     = "tru-sdk-android/" + vendorVersion + "/34 Android/14 Google/Pixel 8"
	androidInvalidScheme = "invalid scheme"
)

// String is the profile's name in scenarios and the journal.
func (Android) String() string { return "android" }

func (a Android) open(ctx context.Context, p *Phone, call openCall) Result {
	u, id, failure := p.begin(call, androidInvalidScheme)
	if failure != nil {
		return *failure
	}
	c := rawClient{phone: p, readLimit: vendorPatience}
	if err := a.bind(ctx, &c); err != nil {
		if ctx.Err() != nil {
			return broken(u, 0, err)
		}
		return failed(CodeNoDataConnectivity, err.Error())
	}
	var authorization, operator, mode string
	if call.accessToken != "" {
		authorization = "Bearer " + call.accessToken
	}
	if sim, ok := p.DataSIM(); ok {
		operator = sim.NetworkID
	}
	if a.Emulator {
		mode = "sandbox"
	}
	for requests := 1; ; requests++ {
		request := c.request(u,
			headerField{"Host", u.Host},
			headerField{"User-Agent", androidUserAgent},
			headerField{"Authorization", authorization},
			headerField{"x-tru-sdk-request", id},
			headerField{"x-tru-ops", operator},
			headerField{"x-tru-mode", mode},
			headerField{"Accept", sdkAccept},
			headerField{"Cookie", c.cookies.header(u)},
			headerField{"Connection", "close"},
		)
		authorization, operator = "", "" // the first hop's alone
		bearer, err := p.Cellular()
		if err != nil {
			return broken(u, requests-1, err)
		}
		text, err := c.exchange(ctx, bearer, u, request)
		if err != nil {
			return broken(u, requests-1, err)
		}
		status := androidStatus(text)
		if status == 0 {
			return failed(CodeConnectionError, "the answer has no HTTP status")
		}
		c.cookies.add(text, false)
		if location := androidLocation(text); location != "" {
			if requests > vendorRedirects {
				return Result{HTTPStatus: status} // it stops here and does not say why
			}
			if u, err = rawTarget(u, location); err != nil {
				return failed(CodeRedirectError, err.Error())
			}
			continue
		}
		// The SDK counts requests and takes as many as the limit for a chain that was cut off, even when it came to its end.
		if requests == vendorRedirects {
			return failed(CodeRedirectError, "Too many redirects")
		}
		return androidResult(status, text)
	}
}

// bind obtains a mobile network. The SDK does not wait for one if the user switched mobile data off.
func (Android) bind(ctx context.Context, c *rawClient) error {
	if _, err := c.phone.Cellular(); err != nil && !c.phone.mobileDataOn() {
		return err
	}
	_, err := c.obtain(ctx, c.phone.Cellular)
	return err
}

// androidStatus returns the status, or 0.
func androidStatus(text string) int {
	line, _, _ := strings.Cut(text, "\n")
	parts := strings.Split(strings.TrimSpace(line), " ")
	if !strings.HasPrefix(line, "HTTP/") || len(parts) < 2 {
		return 0
	}
	status, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0
	}
	return max(status, 0)
}

// androidLocation returns the text after "ocation: " on a line with "Location:" or "location:", or "". Content-Location is
// such a line, and so may be one of the body.
func androidLocation(text string) string {
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "Location:") && !strings.Contains(line, "location:") {
			continue
		}
		if location, _ := after(line, "ocation: "); strings.TrimSpace(location) != "" {
			return location
		}
	}
	return ""
}

func androidResult(status int, text string) Result {
	if !androidJSON(text) {
		return Result{HTTPStatus: status}
	}
	b := body(text)
	first, last := strings.IndexByte(b, '{'), strings.LastIndexByte(b, '}')
	if first < 0 || last < first {
		return failed(CodeConnectionError, "the body is declared as JSON and has no braces")
	}
	return answeredJSON(status, []byte(b[first:last+1]))
}

// androidJSON takes the word after the colon and a space for the media type, once its semicolons are gone: a parameter that
// follows the semicolon without a space is part of the word and spoils it.
func androidJSON(text string) bool {
	value, ok := after(text, "Content-Type:")
	words := strings.Split(value, " ")
	return ok && len(words) > 1 && slices.Contains(jsonTypes, strings.ReplaceAll(words[1], ";", ""))
}
