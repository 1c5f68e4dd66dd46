package device_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/phonechecksim/phonechecksim/device"
)

// Two hops: the platform redirects to the operator, which says OK.
func ExamplePhone_OpenCheckURL() {
	mobile := &network{hosts: map[string]http.HandlerFunc{
		"https://eu.api.idlayr.com": redirect(302, "http://sna.o2.example/start?session=s"),
		"http://sna.o2.example":     answer(200, "application/json", `{"status":"ok"}`),
	}}
	phone := device.New("alice", device.WithSIM(device.SIM{MSISDN: "447700900001", NetworkID: "23410", Bearer: mobile}))
	result := phone.OpenCheckURL(context.Background(), "https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6/redirect")
	fmt.Println(result.HTTPStatus, string(result.ResponseBody))

	phone.SetMobileData(false)
	result = phone.OpenCheckURL(context.Background(), "https://eu.api.idlayr.com/phone_check/v0.1/checks/c69bc0e6/redirect")
	fmt.Println(result.Error)
	// Output:
	// 200 {"status":"ok"}
	// sdk_no_data_connectivity
}

func ExampleApp_Verify() {
	check := "https://eu.api.idlayr.com/phone_check/v0.1/checks/c1/redirect"
	mobile := &network{hosts: map[string]http.HandlerFunc{
		"https://eu.api.idlayr.com": answer(200, "application/json", `{}`),
		"https://backend.test": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				answer(200, "application/json", `{"check_id":"c1","check_url":"`+check+`"}`)(w, r)
			} else {
				answer(200, "application/json", `{"match":true}`)(w, r)
			}
		},
	}}
	phone := device.New("alice", device.WithSIM(device.SIM{MSISDN: "447700900001", Bearer: mobile}))
	outcome := device.NewApp(phone, device.Profile{BaseURL: "https://backend.test"}).Verify(context.Background(), "447700900001")
	fmt.Println(outcome.CheckID, outcome.Matched(), outcome.Err)
	// Output: c1 true <nil>
}

// canned answers every request of a flow from memory, with next to no work of its own.
type canned struct{ network }

func (*canned) RoundTrip(r *http.Request) (*http.Response, error) {
	header, status, body := http.Header{"Content-Type": {"application/json"}}, 200, `{"match":true}`
	switch {
	case r.Method == http.MethodPost:
		body = `{"check_id":"c1","check_url":"https://eu.api.idlayr.com/r"}`
	case r.URL.Host == "eu.api.idlayr.com":
		header, status, body = http.Header{"Location": {"http://sna.o2.example/start?session=s"}}, 302, ""
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader([]byte(body)))}, nil
}

func BenchmarkVerify(b *testing.B) {
	phone := device.New("alice", device.WithSIM(device.SIM{MSISDN: "447700900001", NetworkID: "23410", Bearer: &canned{}}))
	b.ReportAllocs()
	for b.Loop() {
		if out := device.NewApp(phone, device.Profile{BaseURL: "https://backend.test"}).Verify(context.Background(), "447700900001"); !out.Matched() {
			b.Fatal(out.Err)
		}
	}
}

// Settings may change while requests are under way (for the race detector).
func TestConcurrentUse(t *testing.T) {
	phone := device.New("alice", device.WithWiFi(&canned{}),
		device.WithSIM(device.SIM{MSISDN: "447700900001", NetworkID: "23410", Bearer: &canned{}}),
		device.WithSIM(device.SIM{MSISDN: "447700900002", NetworkID: "23415", Bearer: &canned{}}))
	app := device.NewApp(phone, device.Profile{BaseURL: "https://backend.test"})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 25 {
				phone.SetWiFi(j%2 == 0)
				if err := phone.SetDataSIM((i + j) % 2); err != nil {
					t.Error(err)
				}
				phone.SetRequestHeader("X-Test", fmt.Sprint(i))
				if out := app.Verify(context.Background(), "447700900001"); !out.Matched() {
					t.Error(out.Err)
				}
			}
		})
	}
	wg.Wait()
}

// Whatever the last hop says, the result is either a status or an error, and its body is a JSON object.
func FuzzResult(f *testing.F) {
	f.Add(200, "application/json", []byte(`{"code":"x"}`), "")
	f.Add(412, "application/problem+json; charset=utf-8", []byte(`{"status":412}`), "")
	f.Add(200, "application/json;;", []byte("{\xff}"), "")
	f.Add(302, "text/html", []byte(`{`), "http://[::1")
	f.Add(302, "", []byte(nil), "?a b")
	f.Add(307, "", []byte(nil), "//x@y")
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte, location string) {
		if status < 100 || status > 999 {
			return
		}
		cell := bearerFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}, "Location": {location},
				"Set-Cookie": {location}}, Body: io.NopCloser(bytes.NewReader(body))}, nil
		})
		phone := device.New("alice", device.WithSIM(device.SIM{Bearer: cell}))
		result := phone.OpenCheckURL(context.Background(), "https://eu.api.idlayr.com/r")
		if (result.HTTPStatus != 0) == (result.Error != "") {
			t.Fatalf("%+v", result)
		}
		if result.ResponseBody != nil {
			var object map[string]json.RawMessage
			if err := json.Unmarshal(result.ResponseBody, &object); err != nil || object == nil || result.ResponseRawBody != "" {
				t.Fatalf("%+v: %v", result, err)
			}
		}
		if _, err := json.Marshal(result); err != nil {
			t.Fatal(err)
		}
	})
}

type bearerFunc func(*http.Request) (*http.Response, error)

func (f bearerFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (bearerFunc) DialContext(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }
