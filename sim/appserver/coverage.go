package appserver

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
)

const coveragePath = "/coverage/v0.1"

// coverageToken gives a device what it needs to ask the platform, over mobile data, whether it can be verified at all. It
// is the one token that leaves this server, and good for nothing else.
func (s *Server) coverageToken(w http.ResponseWriter, r *http.Request) {
	token, err := s.tokens[coverage].get(r.Context(), nil)
	if err != nil {
		s.fail(w, err)
		return
	}
	answer(w, http.StatusOK, struct {
		Token string `json:"token"`
		URL   string `json:"url"`
	}{token, s.c.APIBase + coveragePath + "/device_ip"})
}

// covered, reach and country are what a device is told of coverage: of the platform's answers what is not about money.
type covered struct {
	ID       string    `json:"product_id"`
	Name     string    `json:"product_name"`
	Coverage string    `json:"coverage,omitempty"` // FULL, PARTIAL or COMING_SOON
	Networks []network `json:"networks,omitempty"`
}

type network struct {
	ID      string   `json:"network_id"`
	Name    string   `json:"network_name"`
	Aliases []string `json:"network_aliases,omitempty"`
}

type reach struct {
	CountryCode string `json:"country_code"`
	DialingCode string `json:"dialing_code,omitempty"`
	network
	Products     []covered `json:"products"`
	MobileDataIP string    `json:"mobile_data_ip"`
}

type country struct {
	CountryCode string      `json:"country_code"`
	DialingCode json.Number `json:"dialing_code,omitempty"` // a number here and text above, as the platform has it
	Products    []covered   `json:"products"`
}

// country says what is covered in one.
func (s *Server) country(w http.ResponseWriter, r *http.Request) {
	code := r.URL.Query().Get("country_code")
	switch {
	case code == "":
		s.fail(w, countryRequired)
	case !countryCode(code):
		s.fail(w, countryInvalid)
	default:
		s.cover(w, r, "/countries/"+code, &country{Products: []covered{}})
	}
}

// countryCode reports whether it is one in letters (ISO 3166-1 alpha-2) or digits (ITU-T E.164).
func countryCode(code string) bool {
	if len(code) == 2 && letter(code[0]) && letter(code[1]) {
		return true
	}
	return len(code) <= 4 && digitsOnly(code)
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// device says which network an address belongs to, the caller's own if none is given. That one is where the connection
// comes from: what a request says about itself in headers, anybody can write.
func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	text := q.Get("ip_address")
	if text == "" {
		text = q.Get("id_address") // as the vendor's sample spells it
	}
	ip, err := netip.ParseAddr(text)
	if text == "" {
		var from netip.AddrPort
		from, err = netip.ParseAddrPort(r.RemoteAddr)
		ip = from.Addr()
	}
	if err != nil {
		s.fail(w, addressInvalid)
		return
	}
	s.cover(w, r, "/device_ips/"+url.PathEscape(ip.Unmap().WithZone("").String()), &reach{Products: []covered{}})
}

// cover answers with what the platform says about coverage.
func (s *Server) cover(w http.ResponseWriter, r *http.Request, path string, into any) {
	err := s.call(r.Context(), request{tokens: s.tokens[coverage], method: http.MethodGet, path: coveragePath + path}, into)
	if errors.Is(err, checkNotFound) {
		err = notCovered
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	answer(w, http.StatusOK, into)
}
