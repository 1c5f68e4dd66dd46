package idlayrfake_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// FuzzJSONPatch: whatever is sent, the check goes on only for one operation that
// adds its code at /code.
func FuzzJSONPatch(f *testing.F) {
	f.Add(patchType, `[{"op":"add","path":"/code","value":"CODE"}]`, true)
	f.Add(patchType+";charset=utf-8", `[{"op":"add","path":"/code","value":"\u0043ODE","from":"/x"}]`, true)
	f.Add("application/json", `[{"op":"add","path":"/code","value":"CODE"}]`, false)
	f.Add("", `[{"op":"add","path":"/code","value":null,"value":"CODE"},{}]`, false)
	f.Add(patchType, `[[{"op":"add"}]]`, true)
	f.Add(patchType, `{"op":"add","path":"/code","value":{}}`, false)
	f.Fuzz(func(t *testing.T, contentType, body string, known bool) {
		a := fuzzAPI()
		defer a.Close()
		id := a.create(forAlice)
		_, back := hop(a.open(id, onO2))
		code := object(a.send("GET", back, onO2, "", ""))["code"].(string)
		if known { // the fuzzer cannot guess it
			body = strings.ReplaceAll(body, "CODE", code)
		}
		rec := a.send("PATCH", a.checks(id), onWiFi, body, contentType)
		m := object(rec)
		if !json.Valid(rec.Body.Bytes()) {
			t.Errorf("not JSON: %s", rec.Body)
		}
		c, _ := a.Check(id)
		var ops []map[string]any
		_ = json.Unmarshal([]byte(body), &ops)
		good := len(ops) == 1 && ops[0]["op"] == "add" && ops[0]["path"] == "/code" && ops[0]["value"] == code
		switch rec.Code {
		case 200:
			if !good || c.Status != idlayrfake.StatusCompleted || m["match"] != true {
				t.Errorf("200 for %q: %s", body, rec.Body)
			}
		case 400, 404, 413, 415:
			if good && rec.Code < 413 || c.Status != idlayrfake.StatusPending || a.operator.questions() != 0 {
				t.Errorf("%d for %q: check %s", rec.Code, body, c.Status)
			}
		default:
			t.Errorf("status %d", rec.Code)
		}
	})
}

// FuzzRedirectURL: a landing page is refused at creation, or the device gets
// there with what its receiver can verify.
func FuzzRedirectURL(f *testing.F) {
	f.Add("https://app.example/done?a=b#c", "r1")
	f.Add("http://[2001:db8::1]:80/../%2e/~?%zz&&=&+%2B", "ü&=")
	f.Add("//x", "")
	f.Add("https://user:p%40@a.example?code=1", "\x00")
	a := fuzzAPI()
	f.Cleanup(a.Close)
	jwks := a.send("GET", "/.well-known/jwks.json", onWiFi, "", "").Body.Bytes()
	f.Fuzz(func(t *testing.T, redirectURL, reference string) {
		if q := decodeForm(redirectURL); strings.Contains(q, "\ufffd") {
			t.Skip("readers differ in how many characters a broken one is")
		}
		a.Reset()
		body, _ := json.Marshal(map[string]string{"phone_number": alice, "redirect_url": redirectURL, "reference_id": reference})
		rec := a.post(string(body))
		if rec.Code == 400 && len(a.Checks()) == 0 {
			return
		}
		if rec.Code != 201 {
			t.Fatalf("status %d", rec.Code)
		}
		_, back := hop(a.open(object(rec)["check_id"].(string), onO2))
		rec = a.send("GET", back, onO2, "", "")
		if redirectURL == "" && rec.Code == 200 {
			return
		}
		location := rec.Header().Get("Location")
		for i := range len(location) {
			if location[i] <= ' ' || location[i] >= 0x7f {
				t.Fatalf("byte %#x in %q", location[i], location)
			}
		}
		if _, err := landed(location, jwks, start); err != nil || rec.Code != 302 {
			t.Errorf("%d %q: %v", rec.Code, location, err)
		}
	})
}

// fuzzAPI observes nothing, so that it does not grow.
func fuzzAPI() api {
	return newAPI("phone_check/v0.2", func(c *idlayrfake.Config) { c.Observe = nil })
}
