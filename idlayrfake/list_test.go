package idlayrfake_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

// call makes a GET of a path with its query.
func (w *world) call(token, target string) *httptest.ResponseRecorder {
	u, err := url.Parse("http://eu.api.idlayr.com" + target)
	Expect(err).NotTo(HaveOccurred())
	r := &http.Request{Method: "GET", URL: u, Host: u.Host, Header: headers("Authorization", token), Body: http.NoBody, RemoteAddr: onWiFi}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

const listPath = "/phone_check/v0.1/checks"

var _ = Describe("the list of checks", func() {
	// Five checks, ten seconds apart: a and b completed (b without a match), c
	// turned away, d opened, e new; a is long over by then, so are b and c.
	var w *world
	var bearer string
	var names map[string]string
	BeforeEach(func() {
		w = newWorld()
		DeferCleanup(w.Close)
		bearer = w.bearer()
		names = map[string]string{}
		add := func(name, number string) string {
			id := object(w.post(bearer, `{"phone_number":"`+number+`","reference_id":"ref-`+name+`"}`))["check_id"].(string)
			names[id] = name
			return id
		}
		a := add("a", alice)
		w.open(a, onO2)
		w.get(bearer, a)
		w.clock.advance(10 * time.Second)
		b := add("b", "447700900005")
		w.open(b, onO2)
		w.get(bearer, b)
		w.clock.advance(10 * time.Second)
		w.open(add("c", alice), onWiFi)
		w.clock.advance(10 * time.Second)
		w.open(add("d", alice), onO2)
		w.clock.advance(10 * time.Second)
		add("e", alice)
		// Those of others are not listed.
		other := "Bearer " + w.token("two+2", "a+b%c:d e", "phone_check", "")
		Expect(w.create(other, alice)).NotTo(BeEmpty())
	})
	order := func(rec *httptest.ResponseRecorder) (got string) {
		Expect(rec.Code).To(Equal(200), rec.Body.String())
		for _, c := range object(rec)["_embedded"].(map[string]any)["checks"].([]any) {
			got += names[c.(map[string]any)["check_id"].(string)]
		}
		return got
	}

	It("has pages, and links between them that carry the filters (C14)", func() {
		rec := w.call(bearer, listPath+"?page=2&size=2&sort=created_at,desc&search=status!=FOO")
		Expect(rec.Header().Get("Content-Type")).To(Equal("application/hal+json"))
		Expect(order(rec)).To(Equal("cb"))
		body := object(rec)
		Expect(body["page"]).To(Equal(map[string]any{"size": 2.0, "number": 2.0, "total_pages": 3.0, "total_elements": 5.0}))
		to := func(page int) any {
			return map[string]any{"href": fmt.Sprintf("http://eu.api.idlayr.com%s?page=%d&size=2&search=status%%21%%3DFOO&sort=created_at%%2Cdesc", listPath, page)}
		}
		Expect(body["_links"]).To(Equal(map[string]any{"self": to(2), "first": to(1), "last": to(3), "next": to(3), "prev": to(1)}))
	})

	It("ends when next is absent (C14)", func() {
		var got string
		for next := listPath + "?size=2&sort=created_at,asc"; next != ""; {
			rec := w.call(bearer, next)
			got += order(rec)
			links := object(rec)["_links"].(map[string]any)
			next = ""
			if l, ok := links["next"].(map[string]any); ok {
				u, _ := url.Parse(l["href"].(string))
				next = u.RequestURI()
			} else {
				Expect(links).To(HaveKey("prev"))
			}
		}
		Expect(got).To(Equal("abcde"))
	})

	It("lists checks as they are read", func() {
		rec := w.call(bearer, listPath+"?search=reference_id==ref-a")
		one := object(w.get(bearer, object(rec)["_embedded"].(map[string]any)["checks"].([]any)[0].(map[string]any)["check_id"].(string)))
		Expect(object(rec)["_embedded"]).To(Equal(map[string]any{"checks": []any{one}}))
		Expect(one).To(HaveKeyWithValue("match", true))
	})

	It("asks no operator", func() {
		before := w.operator.questions()
		Expect(order(w.call(bearer, listPath+"?search=status==PENDING"))).To(Equal("d"))
		Expect(w.operator.questions()).To(Equal(before))
	})

	It("notices who has expired", func() {
		w.clock.advance(time.Minute)
		Expect(order(w.call(bearer, listPath+"?search=status==EXPIRED"))).To(Equal("ed"))
	})

	DescribeTable("pages and orders",
		func(query, want string) { Expect(order(w.call(bearer, listPath+query))).To(Equal(want)) },
		Entry("nothing asked: newest first", "", "edcba"),
		Entry("what the command line client sends", "?page=1&size=10&sort=created_at,desc", "edcba"),
		Entry("escaped comma", "?sort=created_at%2Casc", "abcde"),
		Entry("empty parameters", "?page=&size=&sort=&search=", "edcba"),
		Entry("unknown parameters", "?x=1&y", "edcba"),
		Entry("last page", "?size=2&page=3", "a"),
		Entry("beyond the end", "?size=2&page=4", ""),
		Entry("far beyond the end", "?size=100&page=9223372036854775807", ""),
		Entry("by text", "?sort=reference_id,desc", "edcba"),
		Entry("by status, ties by creation", "?sort=status,asc", "eabcd"),
		Entry("by status, the other way", "?sort=status,desc", "dcbae"),
		Entry("by match, those without first", "?sort=match,asc", "cdeba"),
		Entry("semicolon as it is", "?search=status==COMPLETED;match==false", "b"),
		Entry("plus for a space", "?search=status==COMPLETED+and+match==true", "a"),
	)

	DescribeTable("searches",
		func(search, want string) {
			Expect(order(w.call(bearer, listPath+"?sort=created_at,asc&search="+url.QueryEscape(search)))).To(Equal(want))
		},
		Entry(nil, `status==COMPLETED`, "ab"),
		Entry(nil, `status!=COMPLETED`, "cde"),
		Entry(nil, `status=in=(ERROR,PENDING)`, "cd"),
		Entry(nil, `status=in=ERROR`, "c"),
		Entry(nil, `status=out=(ERROR,'PENDING')`, "abe"),
		Entry(nil, `status==completed`, ""),
		Entry(nil, `error_code==not_mobile_ip`, "c"),
		Entry(nil, `network_id==23410`, "abd"),
		Entry(nil, `match==true`, "a"),
		Entry("a check without match is unlike both", `match!=true`, "bcde"),
		Entry(nil, `match=in=(true,false)`, "ab"),
		Entry(nil, `created_at>2020-06-01T16:43:50Z`, "de"),
		Entry(nil, `created_at=gt=2020-06-01T16:43:50+00:00`, "de"),
		Entry(nil, `created_at>=2020-06-01T17:43:50+01:00`, "cde"),
		Entry(nil, `created_at=ge=2020-06-01T16:43:50`, "cde"),
		Entry(nil, `created_at<2020-06-01T16:43:50Z`, "ab"),
		Entry(nil, `created_at=lt="2020-06-01T16:43:50Z"`, "ab"),
		Entry(nil, `created_at<=2020-06-01T16:43:50Z`, "abc"),
		Entry(nil, `created_at=le=2020-06-01T16:43:50Z`, "abc"),
		Entry(nil, `created_at==2020-06-01T16:43:50Z`, "c"),
		Entry(nil, `updated_at>=2020-06-01`, "abcde"),
		Entry(nil, `reference_id>ref-c`, "de"),
		Entry("no order for what is not there", `error_code<z`, "c"),
		Entry("and before or", `reference_id==ref-e,reference_id==ref-a;match==false`, "e"),
		Entry("parentheses", `(reference_id==ref-e,reference_id==ref-a);match==true`, "a"),
		Entry("words", `reference_id==ref-e or ( reference_id==ref-a and match==true )`, "ae"),
		Entry("words at parentheses", `(match==true)or(match==false)`, "ab"),
		Entry("words in names", `reference_id==or or reference_id==ref-b`, "b"),
		Entry("spaces", ` status == COMPLETED ; match == true `, "a"),
		Entry("wildcard behind", `reference_id==ref*`, "abcde"),
		Entry("wildcard in front", `reference_id==*-b`, "b"),
		Entry("wildcard in between", `reference_id==r*f*d`, "d"),
		Entry("wildcard alone: has any", `error_code==*`, "c"),
		Entry("not like that", `reference_id!=*b`, "acde"),
		Entry("parts may not overlap", `reference_id==ref-a*a`, ""),
		Entry("no wildcard in a set", `reference_id=in=(ref*)`, ""),
		Entry("quotes", `reference_id=="ref-a",reference_id=='ref-\b'`, "ab"),
	)

	DescribeTable("refuses, and says where",
		func(query, detail string) {
			Expect(w.call(bearer, listPath+query)).To(beProblem(400, "bad_request", "Bad Request", detail))
		},
		Entry(nil, "?page=0", "page: expected a number from 1"),
		Entry(nil, "?page=-1", "page: expected a number from 1"),
		Entry(nil, "?page=9223372036854775808", "page: expected a number from 1"),
		Entry(nil, "?page=x", "page: expected a number from 1"),
		Entry(nil, "?size=0", "size: expected a number from 1 to 100"),
		Entry(nil, "?size=101", "size: expected a number from 1 to 100"),
		Entry(nil, "?page=1&page=2", "page: given twice"),
		Entry(nil, "?sort=created_at", "sort: expected asc or desc after the property and a comma"),
		Entry(nil, "?sort=created_at,up", "sort: expected asc or desc after the property and a comma"),
		Entry(nil, "?sort=created_at,asc,x", "sort: expected asc or desc after the property and a comma"),
		Entry(nil, "?sort=phone_number,asc", `sort: there is no property "phone_number" to sort by`),
		Entry(nil, "?search=status", "search: position 7: expected an operator such as =="),
		Entry(nil, "?search=phone_number==447700900001", `search: position 1: there is no field "phone_number" to search by`),
	)

	It("has the checks of one product and version, with what those tell", func() {
		w := newWorld(func(c *idlayrfake.Config) {
			c.Projects[0].Scopes = []string{"phone_check", "subscriber_check", "sim_check"}
			c.Projects[0].Mode = "sandbox"
		})
		DeferCleanup(w.Close)
		bearer := "Bearer " + w.token("one", "s3cret", "", "")
		ids := map[string]any{}
		apis := []string{"phone_check/v0.1", "phone_check/v0.2", "subscriber_check/v0.1", "subscriber_check/v0.2", "sim_check/v0.1"}
		for _, api := range apis {
			ids[api] = object(w.do(req{method: "POST", path: "/" + api + "/checks", body: `{"phone_number":"` + alice + `"}`,
				header: headers("Authorization", bearer, "Content-Type", "application/json")}))["check_id"]
		}
		for _, api := range apis {
			rec := w.call(bearer, "/"+api+"/checks")
			checks := object(rec)["_embedded"].(map[string]any)["checks"].([]any)
			Expect(checks).To(HaveLen(1), api)
			Expect(checks[0]).To(HaveKeyWithValue("check_id", ids[api]))
			Expect(object(rec)["_links"]).To(HaveKeyWithValue("self", HaveKeyWithValue("href", "http://eu.api.idlayr.com/"+api+"/checks?page=1&size=10")))
		}
		total := func(api, search string) any {
			return object(w.call(bearer, "/"+api+"/checks?search="+search))["page"].(map[string]any)["total_elements"]
		}
		Expect(total("sim_check/v0.1", "no_sim_change==false")).To(Equal(1.0))
		Expect(total("sim_check/v0.1", "no_sim_change==true")).To(Equal(0.0))
		Expect(total("subscriber_check/v0.2", "no_sim_change==false")).To(Equal(0.0), "not settled")
		Expect(w.call(bearer, "/phone_check/v0.1/checks?search=no_sim_change==true").Code).To(Equal(400))
	})

	It("needs a token", func() {
		Expect(w.call("", listPath).Code).To(Equal(401))
		Expect(w.call("Bearer "+w.token("one", "s3cret", "coverage", ""), listPath).Code).To(Equal(403))
	})

	It("is empty for those who have none", func() {
		rec := newWorld().call(newWorld().bearer(), listPath) // the same seed, the same token
		Expect(rec.Code).To(Equal(401))
		w := newWorld()
		rec = w.call(w.bearer(), listPath)
		Expect(rec.Body.String()).To(ContainSubstring(`"page":{"size":10,"number":1,"total_pages":0,"total_elements":0},"_embedded":{"checks":[]}`))
		self := `{"href":"http://eu.api.idlayr.com` + listPath + `?page=1\u0026size=10"}`
		Expect(rec.Body.String()).To(HaveSuffix(`"_links":{"self":` + self + `,"first":` + self + `,"last":` + self + `}}`))
	})
})

var _ = DescribeTable("mistakes in RSQL",
	func(search string, at int, what string) {
		where, why, ok := idlayrfake.ParseRSQL(search)
		Expect(ok).To(BeFalse())
		Expect(why).To(Equal(what))
		Expect(where).To(Equal(at))
	},
	Entry("nothing", ` `, 2, "expected a field"),
	Entry("no field", `==x`, 1, "expected a field"),
	Entry("unknown field", `status==x;nose==y`, 11, `there is no field "nose" to search by`),
	Entry("no operator", `status`, 7, "expected an operator such as =="),
	Entry("half an operator", `status=x`, 7, "expected an operator such as =="),
	Entry("unknown operator", `status=like=x`, 7, "expected an operator such as =="),
	Entry("tilde", `status=~x`, 7, "expected an operator such as =="),
	Entry("no value", `status==`, 9, "expected a value"),
	Entry("no value in a list", `status=in=(a,)`, 14, "expected a value"),
	Entry("open list", `status=in=(a`, 13, "expected , or )"),
	Entry("list where one is wanted", `status==(a,b)`, 12, "== takes one value"),
	Entry("open quote", `status=="é`, 9, "the quote is not closed"),
	Entry("quote behind a backslash", `status=='x\'`, 9, "the quote is not closed"),
	Entry("open parenthesis", `(status==x`, 11, "expected )"),
	Entry("stray parenthesis", `status==x)`, 10, "expected the end, or one of ; , and or"),
	Entry("stray word", `status==x status==y`, 11, "expected the end, or one of ; , and or"),
	Entry("nothing after and", `status==x;`, 11, "expected a field"),
	Entry("characters, not bytes", `reference_id=='é';x==1`, 19, `there is no field "x" to search by`),
	Entry("not a truth", `match==yes`, 8, `expected true or false, not "yes"`),
	Entry("not a truth, second", `match=in=(true,1)`, 16, `expected true or false, not "1"`),
	Entry("truth in order", `match>true`, 6, "there is no order of true and false"),
	Entry("not a time", `created_at>=yesterday`, 13, `expected a time such as 2020-06-01T16:43:30Z, not "yesterday"`),
	Entry("a plus that became a space", `created_at>=2020-06-01T16:43:30 00:00`, 33, "expected the end, or one of ; , and or"),
)

var _ = It("bounds RSQL", func() {
	deep := func(n int) string {
		return fmt.Sprintf("%s%s%s", repeat("(", n), "status==x", repeat(")", n))
	}
	_, _, ok := idlayrfake.ParseRSQL(deep(64))
	Expect(ok).To(BeTrue())
	at, what, ok := idlayrfake.ParseRSQL(deep(65))
	Expect([]any{at, what, ok}).To(Equal([]any{65, "too many parentheses", false}))
	at, what, ok = idlayrfake.ParseRSQL("reference_id==" + repeat("x", 4096))
	Expect([]any{at, what, ok}).To(Equal([]any{4097, "the query is too long", false}))
})
