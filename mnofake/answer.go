package mnofake

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// answer is what a handler decides. One adapter writes it: canonical headers, a Content-Length and a single Write, because
// the phone SDKs read a response once and take what has arrived by then.
type answer struct {
	status      int
	contentType string // empty: no body
	body        []byte
	location    string
	cookie      *http.Cookie
	allow       string
	challenge   string
}

// apiError is the JSON body of every refusal.
type apiError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func refuse(status int, code, description string) answer {
	return jsonAnswer(status, apiError{code, description})
}

func jsonAnswer(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil { // only our own structs of strings come here
		body = []byte(`{}`)
	}
	return answer{status: status, contentType: "application/json", body: body}
}

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Content-Type", a.contentType)
	set("Location", a.location)
	set("Allow", a.allow)
	set("Www-Authenticate", a.challenge)
	if a.cookie != nil {
		http.SetCookie(w, a.cookie)
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body) // a peer that went away is its own affair
	}
}

// okAnswer ends a redirect chain: an image for an <img> element, which fires onload only if it can decode it, else JSON.
func okAnswer(r *http.Request) answer {
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Accept")), "image/") {
		return answer{status: http.StatusOK, contentType: "image/gif", body: []byte(pixel)}
	}
	return answer{status: http.StatusOK, contentType: "application/json", body: []byte(`{"status":"ok"}`)}
}

// pixel is a transparent GIF of one by one pixel.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
