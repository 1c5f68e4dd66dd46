package idlayrfake_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// api is one product and version of a platform, used with a token that may do
// everything.
type api struct {
	*world
	path, token string
}

func newAPI(path string, change ...func(*idlayrfake.Config)) api {
	w := newWorld(append([]func(*idlayrfake.Config){func(c *idlayrfake.Config) {
		c.Projects[0].Scopes = []string{"phone_check", "subscriber_check", "sim_check"}
		for i := range c.Networks {
			c.Networks[i].SubscriberURL = "https://api." + c.Networks[i].NetworkID + ".example/subscribers"
		}
	}}, change...)...)
	return api{w, path, "Bearer " + w.token("one", "s3cret", "", "")}
}

func (a api) at(path string) api { return api{a.world, path, a.token} }

// send makes any request; target is a path or a URL, with its query.
func (a api) send(method, target, from, body, contentType string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, strings.NewReader(body))
	r.Method, r.Host = method, "eu.api.idlayr.com"
	r.Header.Set("Authorization", a.token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.RemoteAddr = from
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, r)
	return rec
}

func (a api) checks(id string) string {
	if id == "" {
		return "/" + a.path + "/checks"
	}
	return "/" + a.path + "/checks/" + id
}

func (a api) post(body string) *httptest.ResponseRecorder {
	return a.send("POST", a.checks(""), onWiFi, body, "application/json")
}

func (a api) create(body string) string {
	id, _ := object(a.post(body))["check_id"].(string)
	return id
}

func (a api) open(id, from string) *httptest.ResponseRecorder {
	return a.send("GET", a.checks(id)+"/redirect", from, "", "")
}

func (a api) get(id string) *httptest.ResponseRecorder {
	return a.send("GET", a.checks(id), onWiFi, "", "application/json")
}

const patchType = "application/json-patch+json"

func (a api) patch(id, code string) *httptest.ResponseRecorder {
	return a.send("PATCH", a.checks(id), onWiFi, `[{"op":"add","path":"/code","value":"`+code+`"}]`, patchType)
}

// hop reads where a device is sent to: the session, and the way back.
func hop(rec *httptest.ResponseRecorder) (session, returnURL string) {
	u, err := url.Parse(rec.Header().Get("Location"))
	if rec.Code != http.StatusFound || err != nil {
		return "", ""
	}
	return u.Query().Get("session"), u.Query().Get("return_url")
}

// chain goes the whole way from the check URL, the operator's hop left out.
func (a api) chain(id, from string) *httptest.ResponseRecorder {
	_, back := hop(a.open(id, from))
	Expect(back).NotTo(BeEmpty())
	return a.send("GET", back, from, "", "")
}

// code is what the chain ends with.
func (a api) code(id string) string {
	code, _ := object(a.chain(id, onO2))["code"].(string)
	return code
}
