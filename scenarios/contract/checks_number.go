package contract

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var checkE164 = check{
	id: "C16", severity: Medium,
	title: "Numbers are normalised to E.164 before they are sent",
	why:   "people write numbers in many ways; what the platform cannot read fails, and what it reads otherwise is somebody else's number",
	how:   "one number is sent in many spellings, and what is no number; the bodies of the creates are compared",
	fix:   "Parse what was typed with a library such as libphonenumber, send E.164, and answer 400 to everything else.",
	run:   runE164,
}

func runE164(b *bench) {
	w := b.world()
	spellings := []string{
		"447700900001", "+447700900001", "+44 7700 900001", "+44-7700-900-001", "+44 (7700) 900001", "+44.7700.900001", " +447700900001 ",
		"00447700900001", "0044 7700 900 001", "+44\u00a07700\u00a0900001", "＋４４７７００９００００１", "07700900001", "07700 900001",
	}
	taken := 0
	for _, spelling := range spellings {
		alice := w.user(numberA)
		w.mark()
		alice.start(spelling)
		for _, number := range w.ordered() {
			taken++
			switch {
			case number == numberA || number == "+"+numberA:
			case strings.HasPrefix(spelling, "0") && !strings.HasPrefix(spelling, "00") && b.profile.Country != "" && b.profile.Country != "GB":
				// it is another country's number there
			default:
				w.fail("%q was sent to the platform as %q", spelling, number)
			}
		}
	}
	if taken <= 1 {
		w.hint("of %d spellings of one number %d were taken", len(spellings), taken)
	}
	for _, wrong := range []string{
		"", "abc", "12", "+44 7700 900001 ext 5", "447700900001,447700900002", "+447700900001000000", "447700900001; x", "44770090000I", "+",
	} {
		alice := w.user(numberA)
		w.mark()
		alice.start(wrong)
		for _, number := range w.ordered() {
			w.fail("%q, which is no number, was sent to the platform as %q", wrong, number)
		}
	}
	alice := w.user(numberA)
	w.mark()
	m := b.profile.start()
	m.body = strings.ReplaceAll(m.body, `"{number}"`, `["`+numberA+`","`+numberV+`"]`)
	alice.begun(m.filled(values{"number": numberA, "user": alice.id}))
	for _, r := range w.calls(toCreate) {
		if strings.Contains(string(r.RequestBody), numberV) {
			w.fail("a list of numbers was sent to the platform")
		}
	}
}

// ordered are the numbers of the creates since the last mark.
func (w *world) ordered() (numbers []string) {
	for _, r := range w.calls(toCreate) {
		var order struct {
			Number json.RawMessage `json:"phone_number"`
		}
		_ = json.Unmarshal(r.RequestBody, &order)
		var number string
		if json.Unmarshal(order.Number, &number) != nil {
			number = string(order.Number)
		}
		numbers = append(numbers, number)
	}
	return numbers
}

var checkPhoneIP = check{
	id: "C30", severity: Medium,
	title: "phone_ip is the phone's mobile address or is left out",
	why:   "a phone on WiFi starts the check from another address than it opens the check URL from; with the first as phone_ip every such user fails",
	how:   "a phone starts on WiFi and opens over mobile data, with an address that it claims in a header; the body of the create is looked at",
	fix:   "Leave phone_ip out, unless the app tells its mobile address and the backend knows that it is one.",
	run:   runPhoneIP,
}

func runPhoneIP(b *bench) {
	const claimed = "198.18.1.250"
	w := b.world()
	alice := w.user(numberA)
	w.mark()
	alice.phone.SetWiFi(true)
	defer alice.phone.SetWiFi(false)
	m := b.profile.start().filled(values{"number": numberA, "user": alice.id})
	headers := map[string]string{"X-Forwarded-For": claimed}
	for name, value := range m.headers {
		headers[name] = value
	}
	m.headers = headers
	s := alice.begun(m)
	var wifi netip.Addr
	if bearer, err := alice.phone.WiFi(); err == nil {
		if i, ok := bearer.(*vnet.Interface); ok {
			wifi = i.Addr()
		}
	}
	for _, r := range w.calls(toCreate) {
		var order struct {
			IP string `json:"phone_ip"`
		}
		_ = json.Unmarshal(r.RequestBody, &order)
		ip, err := netip.ParseAddr(order.IP)
		switch {
		case order.IP == "":
		case order.IP == claimed:
			w.hint("phone_ip is what the phone claims in X-Forwarded-For")
		case err == nil && ip.Unmap() == wifi:
			w.fail("phone_ip is the address that the phone had on WiFi")
		default:
			w.hint("phone_ip is %s", order.IP)
		}
	}
	if !s.ok() {
		return
	}
	alice.phone.SetWiFi(false) // as an SDK does for the check URL
	got := alice.open(s)
	alice.phone.SetWiFi(true)
	alice.finish(s, got)
	if !alice.verified() {
		w.hint("a phone that starts on WiFi and opens over mobile data is not verified")
	}
}
