package idlayrfake_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

var _ = Describe("openapi.yaml", func() {
	It("is a valid OpenAPI 3.1 document, and is served", func() {
		doc, err := openapi3.NewLoader().LoadFromData(idlayrfake.OpenAPI())
		Expect(err).NotTo(HaveOccurred())
		Expect(doc.OpenAPI).To(HavePrefix("3.1"))
		Expect(doc.Validate(context.Background())).To(Succeed())

		rec := newWorld().do(req{method: "GET", path: "/openapi.yaml"})
		Expect(rec.Code).To(Equal(200))
		Expect(rec.Body.Bytes()).To(Equal(idlayrfake.OpenAPI()))
	})

	It("has an operation for every route, and a route for every operation", func() {
		Expect(recorder.Contract().Operations()).To(Equal(idlayrfake.Routes()))
	})

	It("gives away nothing that changes when it is changed", func() {
		idlayrfake.OpenAPI()[0] = 'x'
		Expect(idlayrfake.OpenAPI()[0]).To(Equal(byte('o')))
	})

	// What every operation answers to the same misuse. The recorder holds the answers against the description, and the
	// suite fails for a documented answer that no spec has seen.
	for id, name := range idlayrfake.Routes() {
		method, path, _ := strings.Cut(name, " ")
		It("says how "+id+" refuses", func() { refusals(id, method, path) })
	}
})

// call makes a request to an operation that may have variables in its path.
func call(w *world, method, path, authorization, mediaType, body string) *httptest.ResponseRecorder {
	GinkgoHelper()
	path = strings.NewReplacer("{check_id}", "c69bc0e6-a429-11ea-bb37-0242ac130002", "{trace_id}", "6f2a0e25fc0caa25",
		"{ip}", "10.10.0.5", "{code}", "GB").Replace(path)
	return w.do(req{method: method, path: path, body: body, header: headers("Authorization", authorization, "Content-Type", mediaType)})
}

func refusals(id, method, path string) {
	GinkgoHelper()
	w := newWorld(func(c *idlayrfake.Config) {
		c.Projects = append(c.Projects, idlayrfake.Project{ClientID: "all", ClientSecret: "all"})
	})
	product, _, _ := strings.Cut(id, ".")
	api := strings.Join(strings.Split(path, "/")[:min(3, strings.Count(path, "/")+1)], "/") + "/checks"
	own := "Bearer " + w.token("all", "all", product, "")
	mediaType := map[string]string{"POST": "application/json", "PATCH": "application/json-patch+json"}[method]
	public := product == "keys" || product == "openapi" || id == "coverage.public" ||
		strings.HasSuffix(id, ".redirect") || strings.HasSuffix(id, ".sandbox") || strings.HasSuffix(id, ".complete")

	switch {
	case product == "oauth2":
		big := strings.Repeat("x", 65<<10)
		Expect(call(w, method, path, basic("all", "all"), formType, big).Code).To(Equal(413))
		Expect(call(w, method, path, basic("all", "none"), formType, "").Code).To(Equal(401))
	case !public:
		Expect(call(w, method, path, "", mediaType, "").Code).To(Equal(401))
		other := "Bearer " + w.token("all", "all", map[bool]string{true: "sim_check", false: "coverage"}[product == "coverage"], "")
		Expect(call(w, method, path, other, mediaType, "").Code).To(Equal(403))
	}
	if method != "GET" && product != "oauth2" {
		Expect(call(w, method, path, own, "text/plain", "x").Code).To(Equal(415))
		Expect(call(w, method, path, own, mediaType, strings.Repeat("x", 65<<10)).Code).To(Equal(413))
		Expect(call(w, method, path, own, mediaType, "x").Code).To(Equal(400))
	}
	if strings.Contains(path, "{check_id}") && method == "GET" {
		Expect(call(w, method, path, own, "", "").Code).To(Equal(404))
	}
	for _, from := range []string{onEE, onWiFi} {
		if method == "POST" && product != "oauth2" && product != "mo_check" {
			ip, _, _ := strings.Cut(from, ":")
			call(w, method, path, own, mediaType, `{"phone_number":"447700900001","phone_ip":"`+ip+`"}`)
			call(w, method, path, own, mediaType, `{"phone_number":"`+bob+`","phone_ip":"10.10.0.5"}`)
		}
	}
	switch {
	case strings.HasSuffix(id, ".list"):
		rec := httptest.NewRecorder()
		r := httptest.NewRequest("GET", path+"?size=0", nil)
		r.Header.Set("Authorization", own)
		w.ServeHTTP(rec, r)
		Expect(rec.Code).To(Equal(400))
	case strings.HasSuffix(id, ".traces"), strings.HasSuffix(id, ".trace"):
		traces(w, api, own)
	case strings.HasPrefix(id, "coverage.device_ip"):
		rec := w.do(req{method: "GET", path: strings.ReplaceAll(path, "{ip}", "10.20.0.5"), from: "10.20.0.5:1", header: headers("Authorization", own)})
		Expect(rec.Code).To(Equal(400))
	case id == "subscriber_check.v0.2.complete":
		made := object(call(w, "POST", api, own, "application/json", `{"phone_number":"`+alice+`","redirect_url":"https://app.example/done"}`))
		end := api + "/" + made["check_id"].(string)
		to, err := url.Parse(w.do(req{method: "GET", path: end + "/redirect", from: onO2}).Header().Get("Location"))
		Expect(err).NotTo(HaveOccurred())
		back := httptest.NewRequest("GET", to.Query().Get("return_url"), nil)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, back)
		Expect(rec.Code).To(Equal(302))
	}

	limited := newWorld(func(c *idlayrfake.Config) { c.RateLimit = 1 })
	call(limited, method, path, "", "", "")
	Expect(call(limited, method, path, "", "", "").Code).To(Equal(429))
}

// traces reads those of a check, one by one, until they are gone.
func traces(w *world, api, own string) {
	GinkgoHelper()
	made := object(call(w, "POST", api, own, "application/json", `{"phone_number":"`+alice+`"}`))
	if made["check_id"] == nil { // no operator can be asked about SIMs here
		Expect(api).To(HavePrefix("/sim_check"))
		w = newWorld(func(c *idlayrfake.Config) {
			c.Projects = []idlayrfake.Project{{ClientID: "all", ClientSecret: "all", Mode: "sandbox"}}
		})
		own = "Bearer " + w.token("all", "all", "", "")
		made = object(call(w, "POST", api, own, "application/json", `{"phone_number":"`+bob+`"}`))
	}
	list := api + "/" + made["check_id"].(string) + "/traces"
	all := object(call(w, "GET", list, own, "", ""))
	one := all["_embedded"].(map[string]any)["traces"].([]any)[0].(map[string]any)["trace_id"].(string)
	Expect(call(w, "GET", list+"/"+one, own, "", "").Code).To(Equal(200))
	Expect(call(w, "GET", list+"/"+strconv.Itoa(7), own, "", "").Code).To(Equal(404))

	w.clock.advance(8 * 24 * time.Hour)
	own = "Bearer " + w.token("all", "all", "", "")
	Expect(call(w, "GET", list, own, "", "").Code).To(Equal(410))
	Expect(call(w, "GET", list+"/"+one, own, "", "").Code).To(Equal(410))
}
