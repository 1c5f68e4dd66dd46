package device_test

import (
	"context"
	"io"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/device"
)

var _ = Describe("WebSDK", func() {
	const checkURL = "https://api.test/phone_check/v0.1/checks/1/redirect"
	var asked []*http.Request
	var coverage int
	phone := func(sdk device.WebSDK) *device.Phone {
		asked = nil
		return device.New("alice", device.WithSDK(sdk), device.WithSIM(device.SIM{Bearer: bearerFunc(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r)
			status, header := 200, http.Header{}
			switch {
			case strings.HasPrefix(r.URL.Path, "/public/"):
				status = coverage
			case strings.HasSuffix(r.URL.Path, "/redirect"):
				status, header = 302, http.Header{"Location": {"http://mno.test/start"}}
			}
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
		})}))
	}
	paths := func() (all []string) {
		for _, r := range asked {
			all = append(all, r.URL.Host+r.URL.Path)
		}
		return all
	}
	BeforeEach(func() { coverage = 200 })

	DescribeTable("asks for coverage, opens the check URL, and says nothing of how it went",
		func(ctx context.Context, method, accept, name string) {
			sdk := device.WebSDK{Method: method}
			Expect(sdk.String()).To(Equal(name))
			Expect(phone(sdk).OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{}))
			Expect(paths()).To(Equal([]string{"api.test/public/coverage/v0.1/device_ip", "api.test/phone_check/v0.1/checks/1/redirect", "mno.test/start"}))
			Expect(asked[2].Header.Get("Accept")).To(HavePrefix(accept))
			Expect(asked[2].Header).NotTo(HaveKey("Authorization"))
		},
		Entry(nil, "", "image/", "web"),
		Entry(nil, device.WebImage, "image/", "web"),
		Entry(nil, device.WebWindow, "text/html", "web-window"),
		Entry(nil, device.WebNavigate, "text/html", "web-navigate"),
	)

	It("throws with the status when there is no coverage, and opens nothing", func(ctx context.Context) {
		coverage = 412
		r := phone(device.WebSDK{}).OpenCheckURL(ctx, checkURL)
		Expect(r.HTTPStatus).To(Equal(412))
		Expect(r.Error).To(Equal(device.CodeError))
		Expect(paths()).To(HaveLen(1))
	})

	It("leaves the question out when it is told to", func(ctx context.Context) {
		coverage = 412
		Expect(phone(device.WebSDK{SkipCoverage: true}).OpenCheckURL(ctx, checkURL)).To(Equal(device.Result{}))
		Expect(paths()).To(HaveLen(2))
	})

	It("takes web URLs alone", func(ctx context.Context) {
		Expect(phone(device.WebSDK{}).OpenCheckURL(ctx, "tel:1").Error).To(Equal(device.CodeError))
		Expect(asked).To(BeEmpty())
	})
})
