package device

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
)

// SDK is a profile of the code that opens check URLs on a phone. Its values are the types of this package: Generic, Browser,
// Android and IOS.
type SDK interface {
	// String names the profile, e.g. "generic".
	String() string
	open(ctx context.Context, p *Phone, call openCall) Result
}

// openCall is one request to open a check URL.
type openCall struct {
	url         string
	accessToken string
}

// OpenOption changes one call of OpenCheckURL.
type OpenOption func(*openCall)

// WithAccessToken sends a bearer token (RFC 6750) to the check URL itself, and to no later hop.
func WithAccessToken(token string) OpenOption { return func(c *openCall) { c.accessToken = token } }

// OpenCheckURL requests the check URL and follows its redirects to the end, as the phone's SDK profile does (step 5). It
// returns when the chain is at its end. Cookies last as long as the call.
func (p *Phone) OpenCheckURL(ctx context.Context, checkURL string, opts ...OpenOption) Result {
	call := openCall{url: checkURL}
	for _, o := range opts {
		o(&call)
	}
	return p.sdk.open(ctx, p, call)
}

const userAgent = "phonechecksim-device/1.0"

// sdkAccept is what every native SDK says it accepts.
const sdkAccept = "text/html,application/xhtml+xml,application/xml,*/*"

// Generic is a clean native client with the manners of the SDKs: it forces mobile data whether or not WiFi is on, begins
// with https only, follows 10 redirects, waits 5 seconds for each hop and reads 64 KiB of the last one. Every hop carries
// X-Tru-Sdk-Request, the same UUID throughout; the first hop alone carries X-Tru-Ops, the data SIM's MCC and MNC.
type Generic struct{}

// String is the profile's name in scenarios and the journal.
func (Generic) String() string { return "generic" }

func (Generic) open(ctx context.Context, p *Phone, call openCall) Result {
	u, id, failure := p.begin(call, CodeInvalidScheme)
	if failure != nil {
		return *failure
	}
	requestID := []string{id}
	var ops []string
	if sim, ok := p.DataSIM(); ok && sim.NetworkID != "" {
		ops = []string{sim.NetworkID}
	}
	c := chain{
		phone: p, route: p.Cellular, maxRedirects: 10, hopDeadline: 5 * time.Second,
		header: func(hop int) http.Header {
			h := make(http.Header, 8)
			h["User-Agent"] = []string{userAgent}
			h["Accept"] = []string{sdkAccept}
			h["X-Tru-Sdk-Request"] = requestID
			if hop == 0 {
				if call.accessToken != "" {
					h["Authorization"] = []string{"Bearer " + call.accessToken}
				}
				if ops != nil {
					h["X-Tru-Ops"] = ops
				}
			}
			return h
		},
	}
	return c.follow(ctx, u)
}

// Browser is a page navigation in the phone's browser. It takes the default route, so WiFi if it is on, begins with http or
// https, follows 20 redirects (as the Fetch standard says) and waits a minute for each hop. It says nothing about SIM or SDK
// and sends no access token.
type Browser struct {
	// HTTPSOnly is the browser's HTTPS-only mode: it asks for every http URL, those of redirects included, as https.
	HTTPSOnly bool
}

// String is the profile's name in scenarios and the journal.
func (Browser) String() string { return "browser" }

func (b Browser) open(ctx context.Context, p *Phone, call openCall) Result {
	u, err := parseURL(call.url)
	if err != nil {
		return failed(CodeError, "the check URL is not a URL")
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return failed(CodeInvalidScheme, "the check URL must be https or http")
	}
	c := p.browse(pageType, time.Minute)
	c.secure = b.HTTPSOnly
	return c.follow(ctx, u)
}

// begin is what native SDKs do before the first hop. It returns the check URL and an id for the call, or else the failure,
// for which the SDKs spell one code differently.
func (p *Phone) begin(call openCall, invalidScheme string) (u *url.URL, id string, failure *Result) {
	fail := func(code, description string) (*url.URL, string, *Result) {
		r := failed(code, description)
		return nil, "", &r
	}
	u, err := parseURL(call.url)
	if err != nil {
		return fail(CodeError, "the check URL is not a URL")
	}
	if u.Scheme != "https" {
		return fail(invalidScheme, "the check URL must be https")
	}
	if id, err = p.uuid(); err != nil {
		return fail(CodeError, "no randomness for the request id")
	}
	return u, id, nil
}

func (p *Phone) uuid() (string, error) {
	p.randMu.Lock()
	defer p.randMu.Unlock()
	id, err := uuid.NewRandomFromReader(p.random)
	if err != nil {
		return "", err
	}
	return id.String(), nil
}
