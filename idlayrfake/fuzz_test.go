package idlayrfake_test

import (
	"encoding/json"
	"testing"
)

func FuzzTokenForm(f *testing.F) {
	one := basic("one", "s3cret")
	f.Add(one, formType, "grant_type=client_credentials&scope=phone_check")
	f.Add(basic("two%2B2", "a%2Bb%25c%3Ad+e"), formType+";charset=UTF-8", "scope=phone_check+oidc&grant_type=client_credentials")
	f.Add(one, formType, "grant_type=client_credentials&grant_type=password")
	f.Add(one, "application/json", `{"grant_type":"client_credentials"}`)
	f.Add("Basic %%%", "", "grant_type=%zz&scope=%00;")
	w := newWorld()
	f.Cleanup(w.Close)
	f.Fuzz(func(t *testing.T, auth, contentType, body string) {
		rec := w.do(req{method: "POST", path: "/oauth2/v1/token", body: body, header: headers("Authorization", auth, "Content-Type", contentType)})
		m := object(rec)
		switch rec.Code {
		case 200:
			if m["access_token"] == nil || m["error"] != nil {
				t.Errorf("200 with %s", rec.Body)
			}
		case 400, 401, 413:
			if m["access_token"] != nil || m["error"] == nil {
				t.Errorf("%d with %s", rec.Code, rec.Body)
			}
		default:
			t.Errorf("status %d", rec.Code)
		}
	})
}

func FuzzCreateBody(f *testing.F) {
	f.Add("application/json", `{"phone_number":"447700900001"}`)
	f.Add("", `{"phone_number":"+447700900001","reference_id":"r","callback_url":"https://a.example/","phone_ip":"10.10.0.5"}`)
	f.Add("application/json; charset", `{"phone_number":null,"phone_number":7}`)
	f.Add("text/plain", "{\"phone_number\":\"4477\x00")
	f.Add("application/json", `{"phone_number":"447700900001","phone_ip":"fe80::1%eth0"}x`)
	w := newWorld()
	f.Cleanup(w.Close)
	token := w.bearer()
	f.Fuzz(func(t *testing.T, contentType, body string) {
		w.Reset()
		rec := w.do(req{method: "POST", path: "/phone_check/v0.1/checks", body: body, header: headers("Authorization", token, "Content-Type", contentType)})
		if !json.Valid(rec.Body.Bytes()) {
			t.Errorf("not JSON: %s", rec.Body)
		}
		stored := len(w.Checks())
		switch {
		case rec.Code == 201 && stored == 1:
		case rec.Code >= 400 && rec.Code < 500 && stored == 0:
		default:
			t.Errorf("status %d, %d stored", rec.Code, stored)
		}
	})
}
