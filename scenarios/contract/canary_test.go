package contract_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
)

var _ = Describe("the search for secrets", func() {
	const secret = "tok/3+n~of-22_characters"
	secrets := map[string]string{secret: "an access token"}

	DescribeTable("finds one",
		func(text string) {
			Expect(contract.Leaked(secrets, nil, []byte(text))).To(Equal([][2]string{{"an access token", "the body"}}))
			Expect(contract.Leaked(secrets, http.Header{"Set-Cookie": {"a=" + text}}, nil)).To(Equal([][2]string{{"an access token", "the header Set-Cookie"}}))
		},
		Entry("as it is", "x"+secret+"y"),
		Entry("in a URL", "https://a/?t="+url.QueryEscape(secret)),
		Entry("in a path", url.PathEscape(secret)),
		Entry("twice escaped", url.QueryEscape(url.QueryEscape(secret))),
		Entry("in JSON with slashes escaped", strings.ReplaceAll(secret, "/", `\/`)),
		Entry("in base64", base64.StdEncoding.EncodeToString([]byte(secret))),
		Entry("in base64 for URLs", base64.RawURLEncoding.EncodeToString([]byte(secret))),
		Entry("inside base64, one byte off", base64.StdEncoding.EncodeToString([]byte("1"+secret+"zz"))),
		Entry("inside base64, two bytes off", base64.RawStdEncoding.EncodeToString([]byte("12"+secret))),
		Entry("in base64 that is part of a word", "ab"+base64.StdEncoding.EncodeToString([]byte(secret))),
		Entry("in a JWT's middle", "eyJhbGciOiJub25lIn0."+base64.RawURLEncoding.EncodeToString([]byte(`{"t":"`+secret+`"}`))+".x"),
		Entry("in hex", hex.EncodeToString([]byte(secret))),
	)

	It("finds nothing where there is nothing", func() {
		Expect(contract.Leaked(secrets, http.Header{"Etag": {"abc"}}, []byte(`{"check_url":"https://eu.api.idlayr.com/x?y=%zz","n":"dGhpcyBpcyBhIGxvbmcgdGV4dCBvZiBub3RoaW5n"}`))).To(BeEmpty())
	})
})
