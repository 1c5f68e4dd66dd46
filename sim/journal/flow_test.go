package journal_test

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var start = time.Date(2020, 6, 1, 16, 43, 30, 0, time.UTC)

// tape plays hand-made exchanges into a journal.
type tape struct {
	*journal.Journal
	at time.Time
	id uint64
}

func newTape(c journal.Config) *tape { return &tape{Journal: journal.New(c), at: start} }

var (
	cellular = vnet.Origin{Owner: "Device alice", Path: "cellular O2 UK", Kind: vnet.Cellular, Addr: netip.MustParseAddr("10.1.0.2")}
	wifi     = vnet.Origin{Owner: "Device alice", Path: "wifi", Kind: vnet.WiFi, Addr: netip.MustParseAddr("192.0.2.7")}
	server   = vnet.Origin{Owner: "Server", Path: "wired", Kind: vnet.Wired}
	platform = vnet.Origin{Owner: "IDlayr", Path: "wired", Kind: vnet.Wired}
)

func (t *tape) open(from vnet.Origin, owner string, parent *vnet.Exchange, method, url string) *vnet.Exchange {
	t.id++
	x := &vnet.Exchange{
		ID: t.id, Start: t.at, From: from, Owner: owner, Secure: url[:5] == "https",
		Method: method, URL: url, Header: http.Header{},
	}
	if parent != nil {
		x.Parent = parent.ID
	}
	t.Opened(x)
	return x
}

func (t *tape) close(x *vnet.Exchange, status int, body string) {
	t.closeWith(x, vnet.Outcome{Status: status, Body: []byte(body)})
}

func (t *tape) closeWith(x *vnet.Exchange, o vnet.Outcome) {
	o.Duration = t.at.Sub(x.Start)
	x.Close(o)
	t.Closed(x)
}

// note is what the network does when an actor notes something.
func (t *tape) note(x *vnet.Exchange, text string) {
	x.Note(text)
	t.Noted(x, text)
}

func (t *tape) wait(d time.Duration) { t.at = t.at.Add(d) }

const (
	checkID  = "c69bc0e6-a429-11ea-bb37-0242ac130002"
	checks   = "https://eu.api.idlayr.com/phone_check/v0.1/checks"
	checkURL = checks + "/" + checkID + "/redirect"
)

// verified plays the guide's eight steps.
func verified(c journal.Config) *tape {
	t := newTape(c)
	t.Note("Device", "user types 447700900001", t.at, 1)
	t.wait(200 * time.Millisecond)
	begin := t.open(cellular, "Server", nil, "POST", "https://backend.example/phone-check")
	begin.Header.Set("Content-Type", "application/json")
	begin.Body = []byte(`{"phone_number":"447700900001"}`)
	t.wait(20 * time.Millisecond)
	token := t.open(server, "IDlayr", begin, "POST", "https://eu.api.idlayr.com/oauth2/v1/token")
	token.Header.Set("Authorization", "Basic Y2xpZW50OnNlY3JldA==")
	t.wait(20 * time.Millisecond)
	t.close(token, 200, `{"access_token":"2YotnFZFEjr1zCsicMWpAA","expires_in":3600,"token_type":"bearer","scope":"phone_check"}`)
	create := t.open(server, "IDlayr", begin, "POST", checks)
	create.Header.Set("Authorization", "Bearer 2YotnFZFEjr1zCsicMWpAA")
	t.wait(30 * time.Millisecond)
	t.close(create, 201, `{"check_id":"`+checkID+`","status":"ACCEPTED","ttl":60}`)
	t.close(begin, 200, `{"check_id":"`+checkID+`","check_url":"`+checkURL+`"}`)
	t.wait(50 * time.Millisecond)
	hop := t.open(cellular, "IDlayr", nil, "GET", checkURL)
	t.note(hop, "check moved ACCEPTED → PENDING")
	t.wait(20 * time.Millisecond)
	t.closeWith(hop, vnet.Outcome{Status: 302, Header: http.Header{"Location": {"http://sna.o2.example/start?session=Zk3vQ8"}}})
	operator := t.open(cellular, "MNO O2 UK", nil, "GET", "http://sna.o2.example/start?session=Zk3vQ8")
	t.note(operator, "gateway stamps 447700900001")
	t.wait(35 * time.Millisecond)
	t.close(operator, 200, `{"status":"ok"}`)
	t.wait(20 * time.Millisecond)
	ask := t.open(cellular, "Server", nil, "GET", "https://backend.example/phone-check?check_id="+checkID)
	get := t.open(server, "IDlayr", ask, "GET", checks+"/"+checkID)
	t.wait(20 * time.Millisecond)
	result := t.open(platform, "MNO O2 UK", get, "GET", "https://api.o2.example/sna/v1/results/Zk3vQ8")
	t.wait(80 * time.Millisecond)
	t.close(result, 200, `{"session_id":"Zk3vQ8","msisdn":"447700900001","network_id":"23410"}`)
	t.note(get, "check moved PENDING → COMPLETED")
	t.close(get, 200, `{"check_id":"`+checkID+`","status":"COMPLETED","match":true}`)
	t.wait(20 * time.Millisecond)
	t.close(ask, 200, `{"match":true,"check_id":"`+checkID+`"}`)
	return t
}
