package device

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// WebSDK is the vendor's SDK for mobile web pages (idlayr-api §10.3): code in a page, which can force no path. It first asks
// the platform whether the page's network is a mobile one, and opens the check URL only then. The page learns nothing of
// how that went: the app has to ask its server.
type WebSDK struct {
	// Method is how check URLs are opened. Empty: WebImage.
	Method string
	// SkipCoverage leaves out the question about the network (checkDeviceCoverage: false).
	SkipCoverage bool
}

// The methods of a [WebSDK].
const (
	WebImage    = "image"    // v0.1: a hidden image; its load and its failure look the same
	WebWindow   = "window"   // v0.1: a window that is closed after three seconds, whatever it shows
	WebNavigate = "navigate" // v0.2: the page itself goes there, and is gone
)

const (
	webAgent  = "Mozilla/5.0 (Mobile) " + userAgent
	imageType = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
	pageType  = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

	windowClose = 3 * time.Second // windowCloseTimeout
)

func (w WebSDK) String() string {
	if w.Method == "" || w.Method == WebImage {
		return "web"
	}
	return "web-" + w.Method
}

func (w WebSDK) open(ctx context.Context, p *Phone, call openCall) Result {
	u, err := parseURL(call.url)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return failed(CodeError, "the check URL is not a web URL")
	}
	if !w.SkipCoverage {
		coverage := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/public/coverage/v0.1/device_ip"}
		if r := p.browse("*/*", time.Minute).follow(ctx, coverage); r.HTTPStatus != http.StatusOK {
			// The SDK throws, with the status as code; the check URL stays unopened.
			r.Error, r.ErrorDescription = CodeError, fmt.Sprintf("no device coverage: %d %s", r.HTTPStatus, r.ErrorDescription)
			return r
		}
	}
	switch w.Method {
	case WebWindow:
		p.browse(pageType, windowClose).follow(ctx, u)
	case WebNavigate:
		p.browse(pageType, time.Minute).follow(ctx, u)
	default:
		p.browse(imageType, time.Minute).follow(ctx, u)
	}
	return Result{}
}

// browse is a browser on its way, which accepts a kind of content and waits so long for each hop.
func (p *Phone) browse(accept string, patience time.Duration) *chain {
	return &chain{
		phone: p, route: p.DefaultRoute, maxRedirects: 20, hopDeadline: patience,
		header: func(int) http.Header {
			return http.Header{"User-Agent": {webAgent}, "Accept": {accept}, "Accept-Language": {"en"}}
		},
	}
}
