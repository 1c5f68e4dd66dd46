package journal

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// HARPage is a journal that becomes one page of an HTTP archive.
type HARPage struct {
	Title   string
	Records []Record
}

// HAR writes the exchanges of all pages as an HTTP archive, version 1.2, redacted. Times are virtual. What the format
// has no place for is in members whose names begin with an underscore: the guide's step, who talked to whom, the path,
// what was noted, and what went wrong on the wire. Notes that belong to no exchange are on their page.
func HAR(w io.Writer, pages []HARPage) error {
	log := harLog{
		Version: "1.2", Creator: harCreator{Name: "phonechecksim", Version: "1"},
		Pages: []harPage{}, Entries: []harEntry{},
	}
	for i, p := range pages {
		page := harPage{
			StartedDateTime: harTime(origin(p.Records)), ID: fmt.Sprintf("page_%d", i+1), Title: Redact(p.Title, false),
			PageTimings: harPageTimings{OnContentLoad: -1, OnLoad: -1},
		}
		for j := range p.Records {
			r := &p.Records[j]
			if r.IsNote() {
				page.Notes = append(page.Notes, Redact(r.Text, false))
				continue
			}
			log.Entries = append(log.Entries, harEntryOf(r, page.ID))
		}
		log.Pages = append(log.Pages, page)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]harLog{"log": log})
}

// The objects of the format, in the order in which its specification has them.
type (
	harLog struct {
		Version string     `json:"version"`
		Creator harCreator `json:"creator"`
		Pages   []harPage  `json:"pages"`
		Entries []harEntry `json:"entries"`
	}
	harCreator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harPage struct {
		StartedDateTime string         `json:"startedDateTime"`
		ID              string         `json:"id"`
		Title           string         `json:"title"`
		PageTimings     harPageTimings `json:"pageTimings"`
		Notes           []string       `json:"_notes,omitempty"`
	}
	harPageTimings struct {
		OnContentLoad float64 `json:"onContentLoad"`
		OnLoad        float64 `json:"onLoad"`
	}
	harEntry struct {
		Pageref         string      `json:"pageref"`
		StartedDateTime string      `json:"startedDateTime"`
		Time            float64     `json:"time"`
		Request         harRequest  `json:"request"`
		Response        harResponse `json:"response"`
		Cache           struct{}    `json:"cache"`
		Timings         harTimings  `json:"timings"`
		Step            int         `json:"_step"`
		From            string      `json:"_from"`
		To              string      `json:"_to"`
		Path            string      `json:"_path"`
		Notes           []string    `json:"_notes,omitempty"`
		Open            bool        `json:"_open,omitempty"`
	}
	harRequest struct {
		Method      string       `json:"method"`
		URL         string       `json:"url"`
		HTTPVersion string       `json:"httpVersion"`
		Cookies     []harCookie  `json:"cookies"`
		Headers     []harPair    `json:"headers"`
		QueryString []harPair    `json:"queryString"`
		PostData    *harPostData `json:"postData,omitempty"`
		HeadersSize int          `json:"headersSize"`
		BodySize    int          `json:"bodySize"`
	}
	harResponse struct {
		Status      int         `json:"status"`
		StatusText  string      `json:"statusText"`
		HTTPVersion string      `json:"httpVersion"`
		Cookies     []harCookie `json:"cookies"`
		Headers     []harPair   `json:"headers"`
		Content     harContent  `json:"content"`
		RedirectURL string      `json:"redirectURL"`
		HeadersSize int         `json:"headersSize"`
		BodySize    int         `json:"bodySize"`
		Error       string      `json:"_error,omitempty"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harCookie struct {
		Name     string `json:"name"`
		Value    string `json:"value"`
		Path     string `json:"path,omitempty"`
		Domain   string `json:"domain,omitempty"`
		Expires  string `json:"expires,omitempty"`
		HTTPOnly bool   `json:"httpOnly,omitempty"`
		Secure   bool   `json:"secure,omitempty"`
	}
	harPostData struct {
		MimeType string `json:"mimeType"`
		Text     string `json:"text"` // the format allows this or params, not both
		Comment  string `json:"comment,omitempty"`
	}
	harContent struct {
		Size     int    `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
		Comment  string `json:"comment,omitempty"`
	}
	harTimings struct {
		Blocked float64 `json:"blocked"`
		DNS     float64 `json:"dns"`
		Connect float64 `json:"connect"`
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
		SSL     float64 `json:"ssl"`
	}
)

// harUnknown is how the format says that it is not known, or does not apply.
const harUnknown = -1

func harEntryOf(r *Record, page string) harEntry {
	ms := float64(r.Duration) / float64(time.Millisecond)
	e := harEntry{
		Pageref: page, StartedDateTime: harTime(r.Start), Time: ms,
		Request: harRequestOf(r), Response: harResponseOf(r),
		// The journal knows how long it took, and not which part of it took how long.
		Timings: harTimings{Blocked: harUnknown, DNS: harUnknown, Connect: harUnknown, Wait: ms, SSL: harUnknown},
		Step:    r.Step, From: cmp.Or(r.FromName, r.From), To: cmp.Or(r.ToName, r.To), Path: r.Path, Open: r.Open(),
	}
	for _, n := range r.Notes {
		e.Notes = append(e.Notes, Redact(n, false))
	}
	return e
}

func harRequestOf(r *Record) harRequest {
	req := harRequest{
		Method: r.Method, URL: Redact(r.URL, false), HTTPVersion: "HTTP/1.1",
		Cookies: []harCookie{}, Headers: harHeaders(r.RequestHeader), QueryString: harQuery(r.URL),
		HeadersSize: harUnknown, BodySize: harSize(r.RequestHeader, r.RequestBody),
	}
	for _, line := range r.RequestHeader["Cookie"] {
		cookies, _ := http.ParseCookie(line) // what is no cookie is still among the headers
		for _, c := range cookies {
			req.Cookies = append(req.Cookies, harCookie{Name: c.Name, Value: shorten(c.Value)})
		}
	}
	if len(r.RequestBody) > 0 {
		content := harContentOf(r.RequestHeader, r.RequestBody)
		req.PostData = &harPostData{MimeType: content.MimeType, Text: content.Text, Comment: content.Comment}
		if content.Encoding != "" {
			req.PostData.Comment = content.Encoding // requests have no member for it
		}
	}
	return req
}

func harResponseOf(r *Record) harResponse {
	res := harResponse{
		Status: r.Status, StatusText: http.StatusText(r.Status),
		Cookies: []harCookie{}, Headers: harHeaders(r.ResponseHeader), Content: harContentOf(r.ResponseHeader, r.ResponseBody),
		RedirectURL: Redact(r.ResponseHeader.Get("Location"), false),
		HeadersSize: harUnknown, BodySize: harSize(r.ResponseHeader, r.ResponseBody),
		Error: Redact(r.Err, false),
	}
	if r.Status != 0 {
		res.HTTPVersion = "HTTP/1.1"
	}
	if r.Status == 0 || r.Err != "" { // what was written is not what arrived
		res.BodySize = harUnknown
	}
	for _, line := range r.ResponseHeader["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			continue // still among the headers
		}
		cookie := harCookie{
			Name: c.Name, Value: shorten(c.Value), Path: c.Path, Domain: c.Domain, HTTPOnly: c.HttpOnly, Secure: c.Secure,
		}
		if !c.Expires.IsZero() {
			cookie.Expires = harTime(c.Expires)
		}
		res.Cookies = append(res.Cookies, cookie)
	}
	return res
}

// harHeaders returns the lines of a header sorted by name; those of one name keep their order.
func harHeaders(h http.Header) []harPair {
	lines := []harPair{}
	for name, values := range RedactHeader(h, false) {
		for _, v := range values {
			lines = append(lines, harPair{name, v})
		}
	}
	slices.SortStableFunc(lines, func(a, b harPair) int { return cmp.Compare(a.Name, b.Name) })
	return lines
}

// harQuery returns the parameters of a URL in its own order, decoded.
func harQuery(rawURL string) []harPair {
	pairs := []harPair{}
	rawURL, _, _ = strings.Cut(rawURL, "#")
	_, query, _ := strings.Cut(rawURL, "?")
	decoded := func(s string) string {
		if plain, err := url.QueryUnescape(s); err == nil {
			return plain
		}
		return s
	}
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = decoded(name), decoded(value)
		// A secret is found by its name: it is looked for while the two are still together.
		value = strings.TrimPrefix(Redact(name+"="+value, false), name+"=")
		pairs = append(pairs, harPair{name, value})
	}
	return pairs
}

func harContentOf(h http.Header, body []byte) harContent {
	c := harContent{Size: harSize(h, body), MimeType: h.Get("Content-Type")}
	if len(body) == 0 {
		return c
	}
	if packed := h.Get("Content-Encoding"); packed != "" && packed != "identity" {
		c.Size = harUnknown
		c.Comment = "left out: no secret can be found in " + packed
		return c
	}
	c.Text = Redact(string(body), false)
	if !utf8.ValidString(c.Text) {
		c.Text, c.Encoding = base64.StdEncoding.EncodeToString([]byte(c.Text)), "base64"
	}
	return c
}

// harSize is how long a body was on the wire. The journal may have kept its beginning only; the header knows better.
func harSize(h http.Header, body []byte) int {
	if n, err := strconv.Atoi(h.Get("Content-Length")); err == nil && len(body) > 0 {
		return max(n, len(body))
	}
	return len(body)
}

func harTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
