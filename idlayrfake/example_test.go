package idlayrfake_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// A server under test creates a check, its phone opens the check URL, and the
// server reads the match.
func Example() {
	// The operator: the device ends here, and the platform asks here.
	operator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/results/") {
			io.WriteString(w, `{"msisdn":"447700900001"}`)
		}
	}))
	defer operator.Close()

	platform := idlayrfake.New(idlayrfake.Config{
		Networks: []idlayrfake.Network{{
			NetworkID:   "23410",
			DialingCode: "44",
			Prefixes:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			RedirectURL: operator.URL + "/start",
			ResultURL:   operator.URL + "/results",
		}},
	})
	defer platform.Close()
	api := httptest.NewServer(platform)
	defer api.Close()

	call := func(method, path, contentType, body string, auth func(*http.Request)) (answer struct {
		AccessToken string `json:"access_token"`
		CheckID     string `json:"check_id"`
		Status      string
		Match       bool
		Links       struct {
			CheckURL struct{ Href string } `json:"check_url"`
		} `json:"_links"`
	}) {
		req, _ := http.NewRequest(method, api.URL+path, strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		auth(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		json.NewDecoder(resp.Body).Decode(&answer)
		return answer
	}

	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"phone_check"}}.Encode()
	token := call("POST", "/oauth2/v1/token", "application/x-www-form-urlencoded", form,
		func(r *http.Request) { r.SetBasicAuth("client-id", "client-secret") }).AccessToken
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }

	check := call("POST", "/phone_check/v0.1/checks", "application/json", `{"phone_number":"447700900001"}`, bearer)
	fmt.Println(check.Status)

	device, err := http.Get(check.Links.CheckURL.Href) // follows the redirect to the operator
	if err != nil {
		panic(err)
	}
	device.Body.Close()

	check = call("GET", "/phone_check/v0.1/checks/"+check.CheckID, "", "", bearer)
	fmt.Println(check.Status, check.Match)
	// Output:
	// ACCEPTED
	// COMPLETED true
}

// The description of the API is at hand for generators, validators and mocks. A platform serves it as well.
func ExampleOpenAPI() {
	version, _, _ := strings.Cut(string(idlayrfake.OpenAPI()), "\n")
	fmt.Println(version)

	platform := idlayrfake.New(idlayrfake.Config{})
	defer platform.Close()
	served := httptest.NewRecorder()
	platform.ServeHTTP(served, httptest.NewRequest(http.MethodGet, "/openapi.yaml", nil))
	fmt.Println(served.Code, served.Header().Get("Content-Type"))
	// Output:
	// openapi: 3.1.0
	// 200 application/yaml
}
