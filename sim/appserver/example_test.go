package appserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/appserver"
)

func Example() {
	// A platform that makes a check and knows its result.
	idlayr := http.NewServeMux()
	idlayr.HandleFunc("POST /oauth2/v1/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"2YotnFZFEjr1zCsicMWpAA","expires_in":3600,"token_type":"bearer"}`)
	})
	idlayr.HandleFunc("POST /phone_check/v0.1/checks", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"check_id":"c1","status":"ACCEPTED","_links":{"check_url":{"href":"https://eu.api.idlayr.com/phone_check/v0.1/checks/c1/redirect"}}}`)
	})
	idlayr.HandleFunc("GET /phone_check/v0.1/checks/c1", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"check_id":"c1","status":"COMPLETED","match":true}`)
	})
	platform := httptest.NewServer(idlayr)
	defer platform.Close()

	server := appserver.New(appserver.Config{APIBase: platform.URL, ClientID: "id", ClientSecret: "secret", Client: platform.Client()})
	defer server.Close()

	// Steps 2 to 4.
	started := httptest.NewRecorder()
	server.ServeHTTP(started, httptest.NewRequest("POST", "/phone-check", strings.NewReader(`{"phone_number":"07700 900001"}`)))
	fmt.Print(started.Body)

	// Steps 6 to 8, in the same session.
	ask := httptest.NewRequest("GET", "/phone-check?check_id=c1", nil)
	ask.AddCookie(started.Result().Cookies()[0])
	result := httptest.NewRecorder()
	server.ServeHTTP(result, ask)
	fmt.Print(result.Body)

	// Output:
	// {"check_id":"c1","check_url":"https://eu.api.idlayr.com/phone_check/v0.1/checks/c1/redirect"}
	// {"match":true,"check_id":"c1","status":"COMPLETED"}
}
