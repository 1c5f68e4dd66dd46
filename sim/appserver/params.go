package appserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// maxBody is how much anybody may send, in bytes.
const maxBody = 16 << 10

// params are what a device sent.
type params map[string]any

// text returns a parameter, "" when it is missing, and reports whether it is text at all.
func (p params) text(name string) (value string, ok bool) {
	switch v := p[name].(type) {
	case nil:
		return "", true
	case string:
		return v, true
	default:
		return "", false
	}
}

// query returns the parameters of the URL.
func query(r *http.Request) params { return fromValues(r.URL.Query()) }

func fromValues(values url.Values) params {
	p := params{}
	for name := range values {
		p[name] = values.Get(name)
	}
	return p
}

// body returns the parameters of a JSON or urlencoded body.
func body(w http.ResponseWriter, r *http.Request) (params, error) {
	data, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if form(r, data) {
		values, err := url.ParseQuery(string(data))
		if err != nil {
			return nil, badBody
		}
		return fromValues(values), nil
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	// A map, because matching members to struct fields ignores case.
	var p params
	if json.Unmarshal(data, &p) != nil {
		return nil, badBody
	}
	return p, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, bodyTooLarge
		}
		return nil, badBody
	}
	return data, nil
}

// form reports whether the body is urlencoded: by its type, or by its first byte when the type says neither.
func form(r *http.Request, body []byte) bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch media {
	case "application/x-www-form-urlencoded":
		return true
	case "application/json":
		return false
	}
	body = bytes.TrimSpace(body)
	return len(body) > 0 && body[0] != '{'
}
