package idlayrfake_test

import (
	"fmt"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

var _ = Describe("rate limits", func() {
	limited := func(n int) *world {
		w := newWorld(func(c *idlayrfake.Config) { c.RateLimit = n })
		DeferCleanup(w.Close)
		return w
	}
	// left reads the headers as they are written, by their own case.
	left := func(rec *httptest.ResponseRecorder) []string {
		var values []string
		for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
			values = append(values, rec.Header()[name]...)
		}
		return values
	}
	beTooMany := beProblem(429, "too_many_requests", "Rate Limit exceeded",
		"Rate Limit has exceeded, check response Retry-After HTTP header for when request can be retried.")

	It("are off by default (U16)", func() {
		w := newWorld()
		bearer := w.bearer()
		for range 200 {
			rec := w.call(bearer, listPath)
			Expect(rec.Code).To(Equal(200))
			Expect(left(rec)).To(BeEmpty())
		}
	})

	It("count for each project, and start anew every hour (C26, C27)", func() {
		w := limited(5)
		bearer := w.bearer() // 1
		reset := fmt.Sprint(start.Add(time.Hour).Unix())
		rec := w.post(bearer, `{"phone_number":"447700900001"}`) // 2
		Expect(left(rec)).To(Equal([]string{"5", "3", reset}))
		id := object(rec)["check_id"].(string)
		w.clock.advance(1500 * time.Millisecond)
		Expect(left(w.open(id, onO2))).To(Equal([]string{"5", "2", reset}), "the check URL counts for its project")
		Expect(left(w.get(bearer, id))).To(Equal([]string{"5", "1", reset}))
		Expect(left(w.call(bearer, "/nowhere"))).To(Equal([]string{"5", "0", reset}), "so does what fails")
		for range 2 {
			rec = w.get(bearer, id)
			Expect(rec).To(beTooMany)
			Expect(left(rec)).To(Equal([]string{"5", "0", reset}))
			Expect(rec.Header().Get("Retry-After")).To(Equal("3599"), "whole seconds, not too early")
		}
		Expect(w.open(id, onO2)).To(beTooMany)
		Expect(w.token("one", "s3cret", "", "")).To(BeEmpty())

		Expect(w.token("two+2", "a+b%c:d e", "phone_check", "")).NotTo(BeEmpty(), "others are not held up")

		w.clock.advance(time.Hour - 1501*time.Millisecond)
		Expect(w.get(bearer, id)).To(beTooMany)
		w.clock.advance(time.Millisecond)
		Expect(left(w.do(req{method: "POST", path: "/oauth2/v1/token", header: headers("Authorization", basic("one", "s3cret"))}))).
			To(Equal([]string{"5", "4", fmt.Sprint(start.Add(2 * time.Hour).Unix())}))
	})

	It("refuse without a trace", func() {
		w := limited(1)
		bearer := w.bearer()
		Expect(w.post(bearer, `{"phone_number":"447700900001"}`)).To(beTooMany)
		Expect(w.Checks()).To(BeEmpty())
	})

	It("count what is nobody's by address", func() {
		w := limited(2)
		wrong := req{method: "POST", path: "/oauth2/v1/token", from: onWiFi, header: headers("Authorization", basic("one", "wrong"), "Content-Type", formType)}
		Expect(w.do(wrong).Code).To(Equal(401))
		Expect(w.call("", "/.well-known/jwks.json").Code).To(Equal(200), "from the same address")
		Expect(w.do(wrong)).To(beTooMany)
		Expect(w.do(req{method: "GET", path: "/public/coverage/v0.1/device_ip", from: onO2}).Code).To(Equal(200))
		Expect(w.bearer()).NotTo(Equal("Bearer "), "guesses at its secret do not hold up the client")
	})

	It("let browsers ask what they may", func() {
		w := limited(1)
		for range 3 {
			Expect(w.do(req{method: "OPTIONS", path: listPath}).Code).To(Equal(204))
		}
	})

	It("count a bounded number of addresses", func() {
		w := limited(1)
		from := func(i int) *httptest.ResponseRecorder {
			return w.do(req{method: "GET", path: "/.well-known/jwks.json", from: fmt.Sprintf("10.%d.%d.1:99", i/256, i%256)})
		}
		for i := range 1 << 12 {
			Expect(from(i).Code).To(Equal(200))
		}
		Expect(from(1 << 12).Code).To(Equal(200))
		Expect(from(1<<12+1)).To(beTooMany, "all others are one")
		Expect(w.Limited()).To(Equal(1<<12 + 1))
	})
})
