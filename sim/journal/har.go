package journal

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
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
	redact := harRedactor(pages)
	log := harLog{
		Version: "1.2", Creator: harCreator{Name: "phonechecksim", Version: "1"},
		Pages: []harPage{}, Entries: []harEntry{},
	}
	for i, p := range pages {
		page := harPage{
			StartedDateTime: harTime(origin(p.Records)), ID: fmt.Sprintf("page_%d", i+1), Title: redact(p.Title),
			PageTimings: harPageTimings{OnContentLoad: -1, OnLoad: -1},
		}
		for j := range p.Records {
			r := &p.Records[j]
			if r.IsNote() {
				page.Notes = append(page.Notes, redact(r.Text))
				continue
			}
			log.Entries = append(log.Entries, harEntryOf(r, page.ID, redact))
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

func harEntryOf(r *Record, page string, redact func(string) string) harEntry {
	ms := float64(r.Duration) / float64(time.Millisecond)
	e := harEntry{
		Pageref: page, StartedDateTime: harTime(r.Start), Time: ms,
		Request: harRequestOf(r, redact), Response: harResponseOf(r, redact),
		// The journal knows how long it took, and not which part of it took how long.
		Timings: harTimings{Blocked: harUnknown, DNS: harUnknown, Connect: harUnknown, Wait: ms, SSL: harUnknown},
		Step:    r.Step, From: cmp.Or(r.FromName, r.From), To: cmp.Or(r.ToName, r.To), Path: r.Path, Open: r.Open(),
	}
	for _, n := range r.Notes {
		e.Notes = append(e.Notes, redact(n))
	}
	return e
}

func harRequestOf(r *Record, redact func(string) string) harRequest {
	req := harRequest{
		Method: r.Method, URL: redact(r.URL), HTTPVersion: "HTTP/1.1",
		Cookies: []harCookie{}, Headers: harHeaders(r.RequestHeader, redact), QueryString: harQuery(r.URL, redact),
		HeadersSize: harUnknown, BodySize: harSize(r.RequestHeader, r.RequestBody),
	}
	// What is no cookie by the rules is among the headers only.
	for _, c := range (&http.Request{Header: r.RequestHeader}).Cookies() {
		req.Cookies = append(req.Cookies, harCookie{Name: c.Name, Value: shorten(c.Value)})
	}
	if len(r.RequestBody) > 0 {
		content := harContentOf(r.RequestHeader, r.RequestBody, redact)
		req.PostData = &harPostData{MimeType: content.MimeType, Text: content.Text, Comment: content.Comment}
		if content.Encoding != "" {
			req.PostData.Comment = content.Encoding // requests have no member for it
		}
	}
	return req
}

func harResponseOf(r *Record, redact func(string) string) harResponse {
	res := harResponse{
		Status: r.Status, StatusText: http.StatusText(r.Status),
		Cookies: []harCookie{}, Headers: harHeaders(r.ResponseHeader, redact), Content: harContentOf(r.ResponseHeader, r.ResponseBody, redact),
		RedirectURL: redact(r.ResponseHeader.Get("Location")),
		HeadersSize: harUnknown, BodySize: harSize(r.ResponseHeader, r.ResponseBody),
		Error: redact(r.Err),
	}
	if r.Status != 0 {
		res.HTTPVersion = "HTTP/1.1"
	}
	if r.Status == 0 || r.Err != "" { // what was written is not what arrived
		res.BodySize = harUnknown
	}
	for _, c := range (&http.Response{Header: r.ResponseHeader}).Cookies() {
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
func harHeaders(h http.Header, redact func(string) string) []harPair {
	lines := []harPair{}
	for name, values := range RedactHeader(h, false) {
		for _, v := range values {
			lines = append(lines, harPair{name, redact(v)})
		}
	}
	slices.SortStableFunc(lines, func(a, b harPair) int { return cmp.Compare(a.Name, b.Name) })
	return lines
}

// harQuery returns the parameters of a URL in its own order, decoded.
func harQuery(rawURL string, redact func(string) string) []harPair {
	pairs := []harPair{}
	redacted, _, _ := strings.Cut(redact(rawURL), "#")
	_, query, _ := strings.Cut(redacted, "?")
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
		// Once more after decoding: the value may be a URL with secrets of its own.
		pairs = append(pairs, harPair{redact(decoded(name)), redact(decoded(value))})
	}
	return pairs
}

func harContentOf(h http.Header, body []byte, redact func(string) string) harContent {
	c := harContent{Size: harSize(h, body), MimeType: h.Get("Content-Type")}
	if len(body) == 0 {
		return c
	}
	if packed := h.Get("Content-Encoding"); packed != "" && packed != "identity" {
		c.Size = harUnknown
		c.Comment = "left out: no secret can be found in " + packed
		return c
	}
	c.Text = redact(string(body))
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

// leastSecret is how long a secret is that is looked for by itself: what is shorter may be a word.
const leastSecret = 16

var tokenMember = regexp.MustCompile(`(?i)"(?:` + secretNames + `)"\s*:\s*"(?P<secret>[^"\\]+)`)

// harRedactor returns [Redact], which finds secrets by their names, with an eye for those that it would find somewhere
// on the pages: bodies are written out, and a backend is free to hand a token on under a name of its own.
func harRedactor(pages []HARPage) func(string) string {
	known := map[string]bool{}
	learn := func(text string, by ...*regexp.Regexp) {
		for _, re := range by {
			for _, m := range re.FindAllStringSubmatch(text, -1) {
				if secret := m[re.SubexpIndex("secret")]; len(secret) >= leastSecret {
					known[secret] = true
				}
			}
		}
	}
	for _, p := range pages {
		for i := range p.Records {
			r := &p.Records[i]
			learn("Authorization: "+r.RequestHeader.Get("Authorization"), authorization)
			learn(r.URL, pair)
			learn(r.ResponseHeader.Get("Location"), pair)
			learn(string(r.RequestBody), tokenMember, pair)
			learn(string(r.ResponseBody), tokenMember, pair)
		}
	}
	var short []string
	for _, secret := range slices.Backward(slices.Sorted(maps.Keys(known))) { // a longer one before its own beginning
		short = append(short, secret, shorten(secret))
	}
	shortened := strings.NewReplacer(short...)
	return func(s string) string { return Redact(shortened.Replace(s), false) }
}

func harTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
