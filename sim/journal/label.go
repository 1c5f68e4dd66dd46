package journal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// The words on the arrows, shared by the diagrams. All of them are redacted; none is cleaned yet.

var uuid = regexp.MustCompile(`\b([0-9a-fA-F]{4})[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`)

// requestLabels returns ways to write a request, from the fullest to the shortest.
func requestLabels(r *Record, mask bool) []string {
	target := r.URL
	if u, err := url.Parse(r.URL); err == nil && u.Host != "" {
		if target = u.EscapedPath(); target == "" {
			target = "/"
		}
		if u.RawQuery != "" {
			target += "?" + u.RawQuery
		}
	}
	target = Redact(uuid.ReplaceAllString(target, "$1…"), mask)
	out := []string{r.Method + " " + target}
	steps, query, found := strings.Cut(target, "?")
	if found {
		out = append(out, r.Method+" "+steps+"?…")
	}
	// Then without the leading segments: the last ones say what is asked for.
	segments := strings.Split(strings.TrimPrefix(steps, "/"), "/")
	for i := 1; i < len(segments); i++ {
		short := r.Method + " …/" + strings.Join(segments[i:], "/")
		if found {
			out = append(out, short+"?"+query, short+"?…")
		}
		out = append(out, short)
	}
	return out
}

// answerLabels returns ways to write an answer, from the fullest to the shortest: what a check came to says more than
// that it is over.
func answerLabels(r *Record, mask bool) []string {
	full := answerLabel(r, mask)
	return []string{full, strings.NewReplacer("COMPLETED match=", "match=", "ERROR ", "").Replace(full)}
}

// answerLabel returns the status and, in a word or two, what it says: "201 ACCEPTED", "302 → sna.o2.example".
func answerLabel(r *Record, mask bool) string {
	if r.Err != "" {
		status := ""
		if r.Status != 0 {
			status = fmt.Sprintf("%d, then ", r.Status)
		}
		return status + Redact(r.Err, mask)
	}
	if reason := Redact(reason(r), mask); reason != "" {
		return fmt.Sprintf("%d %s", r.Status, reason)
	}
	return fmt.Sprint(r.Status)
}

func reason(r *Record) string {
	if 300 <= r.Status && r.Status < 400 {
		if u, err := url.Parse(r.ResponseHeader.Get("Location")); err == nil && u.Host != "" {
			return "→ " + u.Host
		}
	}
	if s := bodyReason(r); s != "" {
		return s
	}
	return http.StatusText(r.Status)
}

// bodyReason looks for the members by which the actors say what came out. It reads any JSON object, so also that of a
// backend nobody here has written.
func bodyReason(r *Record) string {
	var body map[string]any
	if json.Unmarshal(r.ResponseBody, &body) != nil {
		return ""
	}
	text := func(name string) string {
		s, _ := body[name].(string)
		return s
	}
	var words []string
	add := func(s string) {
		if s != "" {
			words = append(words, s)
		}
	}
	if anchor := text("type"); strings.Contains(anchor, "#") { // problem details, RFC 9457
		return anchor[strings.LastIndexByte(anchor, '#')+1:]
	}
	if text("error_message") != "" { // what application servers of the vendor's kind answer
		if code := text("code"); code != "" {
			return code
		}
		return text("error_message")
	}
	if e := text("error"); e != "" { // OAuth2, and operators
		return e
	}
	add(text("status"))
	for _, name := range []string{"match", "verified"} {
		if v, ok := body[name].(bool); ok {
			add(fmt.Sprintf("%s=%t", name, v))
		}
	}
	add(text("error_code"))
	if len(words) > 0 {
		return strings.Join(words, " ")
	}
	for _, name := range []string{"access_token", "check_url", "code"} {
		if text(name) != "" {
			return strings.ReplaceAll(name, "access_token", "access token")
		}
	}
	return text("msisdn")
}

// path says how a device's request travelled, and for everyone when it could be read on the way.
func path(r *Record) (words []string) {
	if r.From == Device && r.Interface != "" {
		words = append(words, "over "+r.Interface)
	}
	if strings.HasPrefix(r.URL, "http:") && !r.Secure {
		words = append(words, "clear HTTP")
	}
	return words
}

// heads returns, per lane that occurs, the owner when there is only one, else the lane; and the lanes in drawing order:
// the guide's four, then others as they appear.
func heads(records []Record) (lanes []string, title map[string]string) {
	title = map[string]string{}
	see := func(lane, owner string) {
		old, seen := title[lane]
		switch {
		case !seen:
			title[lane] = owner
			lanes = append(lanes, lane)
		case old == "":
			title[lane] = owner
		case owner != "" && old != owner:
			title[lane] = lane
		}
	}
	for i := range records {
		r := &records[i]
		see(r.From, r.FromName)
		see(r.To, r.ToName)
	}
	for _, lane := range lanes {
		if title[lane] == "" {
			title[lane] = lane
		}
	}
	rank := func(lane string) int {
		switch lane {
		case Device:
			return 0
		case Server:
			return 1
		case IDlayr:
			return 2
		case MNO:
			return 3
		}
		return 4
	}
	stableSort(lanes, rank)
	return lanes, title
}

// circumstances says what the arrow does not: who, when the heads leave it open, and by which path. It is one note or none.
func circumstances(r *Record, title map[string]string) []string {
	var words []string
	if r.FromName != "" && title[r.From] != r.FromName {
		words = append(words, "from "+r.FromName)
	}
	if r.ToName != "" && title[r.To] != r.ToName {
		words = append(words, "to "+r.ToName)
	}
	words = append(words, path(r)...)
	if len(words) == 0 {
		return nil
	}
	return []string{strings.Join(words, ", ")}
}
