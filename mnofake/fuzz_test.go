package mnofake_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/phonechecksim/phonechecksim/mnofake"
)

func fuzzOperator(tb testing.TB, hops int) (*mnofake.Operator, netip.Addr) {
	cfg := config()
	cfg.RedirectHops = hops
	cfg.MaxSessions = 64
	o := mnofake.New(cfg)
	if err := o.AddSubscriber(mnofake.Subscriber{MSISDN: alice}); err != nil {
		tb.Fatal(err)
	}
	at, err := o.Attach(alice)
	if err != nil {
		tb.Fatal(err)
	}
	return o, at
}

// Any query is answered 200, 302 or 400, and a 302 leads to this host or to one of ReturnHosts.
func FuzzRedirectQuery(f *testing.F) {
	for _, q := range []string{"session=s1", "session=s1&return_url=https://eu.api.idlayr.com/", "session=s1&hop=1",
		"session=s1&return_url=https%3A%2F%2Fevil.example%5C.api.idlayr.com", "%zz", "session=%00", "session=a&session=b"} {
		f.Add(q, 0)
		f.Add(q, 1)
	}
	f.Fuzz(func(t *testing.T, query string, hops int) {
		hops = max(hops, -1) % 3
		o, at := fuzzOperator(t, hops)
		r := httptest.NewRequest(http.MethodGet, "/start", nil)
		r.URL.RawQuery = query
		r.RemoteAddr = at.String() + ":1"
		w := serve(o.Gateway(o), r)
		switch w.Code {
		case http.StatusOK, http.StatusBadRequest:
		case http.StatusFound:
			u, err := url.Parse(w.Header().Get("Location"))
			if err != nil {
				t.Fatalf("Location: %v", err)
			}
			host := strings.ToLower(u.Hostname())
			if hops > 0 {
				if host != "" || u.Path != "/start" {
					t.Fatalf("next hop leads to %s", u)
				}
			} else if host != "api.idlayr.com" && !strings.HasSuffix(host, ".api.idlayr.com") {
				t.Fatalf("return leads to %s", u)
			}
			if strings.ContainsAny(w.Header().Get("Location"), "\r\n \\") {
				t.Fatalf("Location %q", w.Header().Get("Location"))
			}
		default:
			t.Fatalf("status %d for %q", w.Code, query)
		}
	})
}

// Behind the gateway there is one stamp, with one value, and nothing else that names a number.
func FuzzGatewayHeaders(f *testing.F) {
	for _, h := range mnofake.SubscriberHeaders() {
		f.Add(h, "447700900999", "X-MSISDN, close")
	}
	f.Add("x_MSISDN", "", ",,")
	f.Add("Connection", "x-msisdn", "")
	f.Add("Trailer", "X-MSISDN", "")
	f.Fuzz(func(t *testing.T, name, value, connection string) {
		o, at := fuzzOperator(t, 0)
		r := httptest.NewRequest(http.MethodGet, "/start?session=s1", nil)
		r.RemoteAddr = at.String() + ":1"
		r.Header["Connection"] = []string{connection}
		r.Header[name] = append(r.Header[name], value)
		before := r.Header.Clone()
		o.Gateway(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
			stamps := 0
			for n, values := range got.Header {
				folded := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(n))
				if strings.Contains(folded, "msisdn") {
					stamps++
					if n != "X-Msisdn" || !slices.Equal(values, []string{alice}) {
						t.Errorf("%q: %q", n, values)
					}
				}
				if strings.EqualFold(n, "Connection") && strings.Contains(strings.ToLower(strings.Join(values, ",")), "msisdn") {
					t.Errorf("Connection: %q", values)
				}
			}
			if stamps != 1 {
				t.Errorf("%d stamps", stamps)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
		if len(before) != len(r.Header) || !slices.Equal(before[name], r.Header[name]) {
			t.Error("the caller's header map was changed")
		}
	})
}
