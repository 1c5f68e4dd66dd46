package contract_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim"
)

// naive is a backend as tutorials have it: no sessions, the number as typed, one token for ever, everything passed on, no deadline.
func naive(w *sim.World) http.Handler {
	return naiveAt(sim.APIBase, w.Project().ClientID, w.Project().ClientSecret, w.Client())
}

func naiveAt(base, id, secret string, client *http.Client) http.Handler {
	var mu sync.Mutex
	token := ""
	call := func(method, path, media string, body []byte) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if token == "" {
			form := url.Values{"grant_type": {"client_credentials"}, "scope": {"phone_check coverage"}}
			req, _ := http.NewRequest(http.MethodPost, base+"/oauth2/v1/token", strings.NewReader(form.Encode()))
			req.SetBasicAuth(id, secret)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := client.Do(req)
			if err != nil {
				return nil, err
			}
			var grant struct {
				AccessToken string `json:"access_token"`
			}
			_ = json.NewDecoder(resp.Body).Decode(&grant)
			_ = resp.Body.Close()
			token = grant.AccessToken
		}
		req, _ := http.NewRequest(method, base+"/phone_check/v0.2/checks"+path, strings.NewReader(string(body)))
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", media)
		return client.Do(req)
	}
	pass := func(rw http.ResponseWriter, resp *http.Response, err error, success func(map[string]any) any) {
		if err != nil {
			http.Error(rw, "whoops", http.StatusInternalServerError)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		var o map[string]any
		if resp.StatusCode > 299 || json.Unmarshal(body, &o) != nil {
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(resp.StatusCode)
			_, _ = rw.Write(body)
			return
		}
		say(rw, success(o))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v0.2/phone-check", func(rw http.ResponseWriter, r *http.Request) {
		body, _ := json.Marshal(sent(r)) // redirect_url and all
		resp, err := call(http.MethodPost, "", "application/json", body)
		pass(rw, resp, err, func(o map[string]any) any {
			return map[string]any{"check_id": o["check_id"], "check_url": o["_links"].(map[string]any)["check_url"].(map[string]any)["href"]}
		})
	})
	mux.HandleFunc("POST /v0.2/phone-check/exchange-code", func(rw http.ResponseWriter, r *http.Request) {
		o := sent(r)
		patch, _ := json.Marshal([]map[string]any{{"op": "add", "path": "/code", "value": o["code"]}})
		resp, err := call(http.MethodPatch, "/"+url.PathEscape(text(o, "check_id")), "application/json-patch+json", patch)
		pass(rw, resp, err, func(o map[string]any) any { return map[string]any{"check_id": o["check_id"], "match": o["match"]} })
	})
	mux.HandleFunc("POST /callback", func(http.ResponseWriter, *http.Request) {})
	return mux
}

var _ = Describe("other kinds of backend", func() {
	It("finds in a naive one what it deserves", func() {
		r := run(profile("dev-server"), naive)
		Expect(r.Problem).To(BeNil(), "%s", shown(r))
		found := fired(r)
		for _, id := range []string{"C2", "C3", "C4", "C8", "C11", "C13", "C16", "C17", "C28"} {
			Expect(found).To(HaveKeyWithValue(id, contract.Fail), "%s", shown(r))
		}
		for _, id := range []string{"C9", "C15", "C24"} {
			Expect(found).To(HaveKeyWithValue(id, contract.Hint), "%s", shown(r))
		}
		for _, id := range []string{"C5", "C10", "C12", "C14", "C21", "C22", "C23", "C26", "C29", "C30", "B3"} {
			Expect(found).NotTo(HaveKey(id), "%s", shown(r))
		}
	})

	It("speaks forms, logs in, and carries bearer tokens", func() {
		p, err := contract.ParseProfile("forms.yaml", []byte(`profile: forms
version: v0.2
country: GB
start:
  path: /begin
  type: form
  headers: {X-App: "1"}
  body: tel={number}
  check_id: data.0.id
  check_url: data.0.url
finish: {path: /end, type: form, body: "id={check_id}&secret={code}", match: data.ok}
session:
  by: bearer
  token: session.token
  login: {path: /login, body: '{"user": "{user}"}'}
oracle: {path: /whoami, verified: {status: 200, member: state, in: [verified]}, number: tel}
limit: 0
`))
		Expect(err).NotTo(HaveOccurred())
		backend := func(w *sim.World) http.Handler {
			ref := clean(w)
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				_, session, _ := strings.Cut(r.Header.Get("Authorization"), "user-")
				ask := func(method, path, body string) map[string]any {
					req, _ := http.NewRequestWithContext(r.Context(), method, path, strings.NewReader(body))
					req.Header.Set("Content-Type", "application/json")
					if session != "" {
						req.AddCookie(&http.Cookie{Name: "session", Value: session})
					}
					rec := behind(ref, req)
					var o map[string]any
					_ = json.Unmarshal(rec.Body.Bytes(), &o)
					for _, c := range rec.Result().Cookies() {
						session = c.Value
					}
					if rec.Code != http.StatusOK {
						rw.Header().Set("Content-Type", "application/json")
						rw.WriteHeader(rec.Code)
						_, _ = rw.Write([]byte(`{"error":"no"}`))
						return nil
					}
					return o
				}
				form := func(names ...string) string {
					o := map[string]string{}
					for i := 0; i < len(names); i += 2 {
						o[names[i]] = r.PostFormValue(names[i+1])
					}
					b, _ := json.Marshal(o)
					return string(b)
				}
				switch r.URL.Path {
				case "/login": // the reference server makes sessions at the first start: have one of a check that nobody opens
					if ask(http.MethodPost, "/v0.2/phone-check", `{"phone_number":"447700900009"}`) != nil {
						say(rw, map[string]any{"session": map[string]any{"token": "user-" + session}})
					}
				case "/begin":
					if session == "" {
						http.Error(rw, `{"error":"log in"}`, http.StatusUnauthorized)
					} else if o := ask(http.MethodPost, "/v0.2/phone-check", form("phone_number", "tel")); o != nil {
						say(rw, map[string]any{"data": []any{map[string]any{"id": o["check_id"], "url": o["check_url"]}}})
					}
				case "/end":
					if o := ask(http.MethodPost, "/v0.2/phone-check/exchange-code", form("check_id", "id", "code", "secret")); o != nil {
						say(rw, map[string]any{"data": map[string]any{"ok": o["match"], "status": o["status"]}})
					}
				case "/whoami":
					if o := ask(http.MethodGet, "/me", ""); o != nil {
						say(rw, map[string]any{"state": map[bool]string{true: "verified", false: "new"}[o["verified"] == true], "tel": o["phone_number"]})
					}
				default:
					http.NotFound(rw, r)
				}
			})
		}
		r := run(p, backend, "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C11", "C16", "C23", "C28", "B1")
		Expect(r.Problem).To(BeNil(), "%s", shown(r))
		Expect(fired(r)).To(BeEmpty(), "%s", shown(r))
	})
})
