package idlayrfake_test

import (
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/idlayrfake"
)

var _ = Describe("Platform", func() {
	It("reports an expiry when the clock passes it", func() {
		w := newWorld()
		bearer := w.bearer()
		w.create(bearer, alice)
		w.clock.advance(30 * time.Second)
		id := w.create(bearer, alice)
		w.open(id, onO2)
		Expect(w.clock.pending()).To(Equal(1), "one timer for all checks")
		w.clock.advance(30*time.Second - 1)
		Expect(w.transitions()).To(HaveLen(3))
		w.clock.advance(1)
		Expect(w.transitions()).To(HaveLen(4))
		w.clock.advance(30 * time.Second)
		Expect(w.transitions()[3:]).To(Equal([]idlayrfake.Status{"EXPIRED", "EXPIRED"}))
		Expect(w.texts()).To(ContainElement("check PENDING → EXPIRED"))
		Expect(w.clock.pending()).To(BeZero())
	})

	It("needs no timer for nobody", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.Observe = nil })
		id := w.create(w.bearer(), alice)
		Expect(w.clock.pending()).To(BeZero())
		w.clock.advance(time.Minute)
		c, ok := w.Check(id)
		Expect(ok).To(BeTrue())
		Expect(c.Status).To(Equal(idlayrfake.StatusExpired))
		Expect(c.UpdatedAt).To(Equal(start.Add(time.Minute)))
	})

	It("stops its timer when closed, and still answers", func() {
		w := newWorld()
		bearer := w.bearer()
		w.create(bearer, alice)
		w.Close()
		w.Close()
		Expect(w.clock.pending()).To(BeZero())
		id := w.create(bearer, alice)
		Expect(w.clock.pending()).To(BeZero())
		w.open(id, onO2)
		w.operator.answer = func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
		Expect(object(w.get(bearer, id))).To(HaveKeyWithValue("status", "PENDING"))
	})

	It("lists checks in the order of their creation, as copies", func() {
		w := newWorld()
		bearer := w.bearer()
		first := w.create(bearer, alice)
		second := w.create(bearer, alice)
		w.open(first, onO2)
		w.get(bearer, first)
		list := w.Checks()
		Expect([]string{list[0].CheckID, list[1].CheckID}).To(Equal([]string{first, second}))
		*list[0].Match = false
		c, _ := w.Check(first)
		Expect(*c.Match).To(BeTrue())
		Expect(c).To(SatisfyAll(HaveField("Project", "p1"), HaveField("Product", "phone_check"), HaveField("Version", "v0.1"),
			HaveField("NetworkID", "23410"), HaveField("TTL", time.Minute)))
		_, ok := w.Check("x")
		Expect(ok).To(BeFalse())
	})

	It("keeps a bounded number of finished checks", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.MaxChecks = 2 })
		bearer := w.bearer()
		live := w.create(bearer, alice)
		var ids []string
		for range 4 {
			id := w.create(bearer, alice)
			w.open(id, onWiFi)
			ids = append(ids, id)
		}
		var kept []string
		for _, c := range w.Checks() {
			kept = append(kept, c.CheckID)
		}
		Expect(kept).To(Equal([]string{live, ids[2], ids[3]}))
		Expect(w.get(bearer, ids[0]).Code).To(Equal(404))
	})

	It("does not pile up abandoned checks", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.MaxChecks, c.Observe = 2, nil })
		bearer := w.bearer()
		for range 10 {
			w.create(bearer, alice)
			w.clock.advance(time.Minute)
		}
		Expect(w.Checks()).To(HaveLen(2))
	})

	It("keeps access tokens no longer than they are good for", func() {
		w := newWorld()
		for range 3 {
			w.bearer()
		}
		w.clock.advance(time.Hour)
		w.bearer()
		Expect(w.Tokens()).To(Equal(1))
	})

	It("forgets checks on Reset, but not tokens", func() {
		w := newWorld()
		bearer := w.bearer()
		id := w.create(bearer, alice)
		w.Reset()
		Expect(w.Checks()).To(BeEmpty())
		Expect(w.get(bearer, id).Code).To(Equal(404))
		Expect(object(w.post(bearer, `{"phone_number":"447700900001"}`))).To(HaveKeyWithValue("snapshot_balance", 100.0))
	})

	// stalled is a world whose operator answers when told.
	stalled := func() (w *world, bearer, id string, arrived chan struct{}, release chan func(*http.Request) (*http.Response, error)) {
		w = newWorld()
		bearer = w.bearer()
		id = w.create(bearer, alice)
		w.open(id, onO2)
		arrived, release = make(chan struct{}, 10), make(chan func(*http.Request) (*http.Response, error), 10)
		w.operator.answer = func(r *http.Request) (*http.Response, error) {
			arrived <- struct{}{}
			select {
			case answer := <-release:
				return answer(r)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		return w, bearer, id, arrived, release
	}
	background := func(f func() map[string]any) chan map[string]any {
		result := make(chan map[string]any, 1)
		go func() { result <- f() }()
		return result
	}

	It("asks once for concurrent readers, and holds up nobody else", func() {
		w, bearer, id, arrived, release := stalled()
		var readers []chan map[string]any
		for range 5 {
			readers = append(readers, background(func() map[string]any { return object(w.get(bearer, id)) }))
		}
		<-arrived
		Expect(w.create(bearer, alice)).NotTo(BeEmpty())
		Expect(w.open(id, onO2).Code).To(Equal(302))
		release <- subscriber(alice)
		for _, r := range readers {
			Expect(<-r).To(HaveKeyWithValue("match", true))
		}
		Expect(w.operator.questions()).To(Equal(1))
	})

	It("gives the operator ten seconds of its clock", func() {
		w, bearer, id, arrived, _ := stalled()
		reader := background(func() map[string]any { return object(w.get(bearer, id)) })
		<-arrived
		w.clock.advance(10*time.Second - 1)
		Expect(w.clock.pending()).To(Equal(2), "the check's time to live and the operator's time")
		w.clock.advance(1)
		Expect(<-reader).To(HaveKeyWithValue("error_code", "mno_timeout"))
	})

	It("asks no longer than the check lives", func() {
		w, bearer, id, arrived, _ := stalled()
		w.clock.advance(55 * time.Second)
		reader := background(func() map[string]any { return object(w.get(bearer, id)) })
		<-arrived
		w.clock.advance(5 * time.Second)
		Expect(<-reader).To(HaveKeyWithValue("status", "EXPIRED"))
	})

	It("drops an answer that comes after a Reset", func() {
		w, bearer, id, arrived, release := stalled()
		reader := background(func() map[string]any { return object(w.get(bearer, id)) })
		<-arrived
		w.Reset()
		release <- says(503, "")
		Expect(<-reader).To(HaveKeyWithValue("detail", "Check Not Found"))
		Expect(w.transitions()).To(Equal([]idlayrfake.Status{"ACCEPTED", "PENDING"}))
		Expect(object(w.post(bearer, `{"phone_number":"447700900001"}`))).To(HaveKeyWithValue("snapshot_balance", 100.0))
	})

	It("gives up on the operator when closed", func() {
		w, bearer, id, arrived, _ := stalled()
		reader := background(func() map[string]any { return object(w.get(bearer, id)) })
		<-arrived
		w.Close()
		Expect(<-reader).To(HaveKeyWithValue("status", "PENDING"))
	})

	It("can be used from many goroutines", func() {
		w := newWorld(func(c *idlayrfake.Config) { c.MaxChecks = 5 })
		bearer := w.bearer()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					id := w.create(bearer, alice)
					w.open(id, onO2)
					w.get(bearer, id)
					w.Checks()
					w.clock.advance(time.Second)
				}
				w.Reset()
			})
		}
		wg.Wait()
		w.Close()
		Expect(w.clock.pending()).To(BeZero())
	})
})
