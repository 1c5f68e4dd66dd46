package journal_test

import (
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/phonechecksim/phonechecksim/sim/journal"
	"github.com/phonechecksim/phonechecksim/sim/vnet"
)

var _ = Describe("Journal", func() {
	It("sorts the guide's flow into its steps", func() {
		var got []string
		for _, r := range verified(journal.Config{}).Records() {
			got = append(got, fmt.Sprintf("%d-%d %s>%s parent %d", r.Step, r.AnswerStep, r.From, r.To, r.ParentSeq))
		}
		Expect(got).To(Equal([]string{
			"1-1 Device>Device parent 0",
			"2-4 Device>Server parent 0",
			"3-3 Server>IDlayr parent 2",
			"3-3 Server>IDlayr parent 2",
			"5-5 Device>IDlayr parent 0",
			"5-5 Device>MNO parent 0",
			"6-8 Device>Server parent 0",
			"7-7 Server>IDlayr parent 7",
			"7-7 IDlayr>MNO parent 8",
		}))
	})

	DescribeTable("default steps without a parent",
		func(from, to, method string, step int) {
			x := &vnet.Exchange{From: vnet.Origin{Owner: from}, Owner: to, Method: method}
			Expect(journal.DefaultStep(x, nil)).To(Equal(step))
		},
		Entry(nil, "Device alice", "Server", "POST", 2),
		Entry(nil, "Device alice", "Server", "GET", 6),
		Entry(nil, "Device alice", "IDlayr", "GET", 5),
		Entry(nil, "Device alice", "MNO EE", "GET", 5),
		Entry(nil, "Server", "IDlayr", "POST", 3),
		Entry(nil, "Server", "IDlayr", "GET", 7),
		Entry(nil, "Server", "IDlayr", "PATCH", 7),
		Entry(nil, "IDlayr", "MNO EE", "GET", 7),
		Entry(nil, "IDlayr", "Server", "POST", 0),
		Entry(nil, "Stranger", "Server", "POST", 0),
		Entry(nil, "", "", "", 0),
	)

	It("lets the parent decide between 3 and 7", func() {
		x := &vnet.Exchange{From: vnet.Origin{Owner: "Server"}, Owner: "IDlayr", Method: "POST"}
		Expect(journal.DefaultStep(x, &journal.Record{Step: 6})).To(Equal(7))
		x.Method = "GET"
		Expect(journal.DefaultStep(x, &journal.Record{Step: 2})).To(Equal(3))
		x = &vnet.Exchange{From: vnet.Origin{Owner: "IDlayr"}, Owner: "MNO EE", Method: "GET"}
		Expect(journal.DefaultStep(x, &journal.Record{Step: 3})).To(Equal(3))
	})

	It("asks the configured classifiers, and takes no step beyond 8", func() {
		t := newTape(journal.Config{
			Lane: func(string) string { return "L" },
			Step: func(x *vnet.Exchange, p *journal.Record) int {
				if p != nil {
					return 4 + p.Seq
				}
				return 9
			},
		})
		x := t.open(wifi, "Server", nil, "GET", "https://b.example/")
		t.open(server, "IDlayr", x, "GET", "https://b.example/")
		r := t.Records()
		Expect(r[0].Step).To(Equal(0))
		Expect(r[1].Step).To(Equal(5))
		Expect(r[0].From).To(Equal("L"))
		Expect(r[0].FromName).To(Equal("Device alice"))
	})

	It("forgets the oldest and counts it", func() {
		t := newTape(journal.Config{Capacity: 3})
		first := t.open(wifi, "Server", nil, "POST", "https://b.example/1")
		t.Note("Device", "two", t.at, 1)
		t.open(wifi, "Server", nil, "GET", "https://b.example/3")
		Expect(t.Evicted()).To(Equal(0))
		child := t.open(server, "IDlayr", first, "GET", "https://b.example/4")
		Expect(t.Len()).To(Equal(3))
		Expect(t.Evicted()).To(Equal(1))
		t.close(first, 200, "") // forgotten: no effect, no harm
		late := t.open(server, "IDlayr", first, "GET", "https://b.example/5")
		t.close(child, 200, "")
		var seqs, parents []int
		for _, r := range t.Records() {
			seqs, parents = append(seqs, r.Seq), append(parents, r.ParentSeq)
			Expect(r.Open()).To(Equal(r.Seq != 4))
		}
		Expect(seqs).To(Equal([]int{3, 4, 5}))
		Expect(parents).To(Equal([]int{0, 1, 0}))
		_ = late
	})

	It("starts again after a reset, ignoring what was open", func() {
		t := newTape(journal.Config{Capacity: 2})
		x := t.open(wifi, "Server", nil, "GET", "https://b.example/")
		t.Note("Device", "n", t.at, 1)
		t.Note("Device", "n", t.at, 1)
		t.Reset()
		t.close(x, 200, "")
		Expect(t.Records()).To(BeEmpty())
		Expect(t.Evicted()).To(Equal(0))
		t.Note("Device", "again", t.at, 99)
		Expect(t.Records()).To(HaveLen(1))
		Expect(t.Records()[0]).To(And(HaveField("Seq", 1), HaveField("Step", 0), HaveField("Text", "again")))
	})

	It("shows an open exchange as open, and keeps a snapshot as it was", func() {
		t := newTape(journal.Config{})
		x := t.open(wifi, "Server", nil, "GET", "https://b.example/")
		before := t.Records()
		t.wait(time.Second)
		t.note(x, "later")
		t.close(x, 204, "")
		Expect(before[0].Open()).To(BeTrue())
		Expect(before[0].Notes).To(BeEmpty())
		after := t.Records()[0]
		Expect(after.Open()).To(BeFalse())
		Expect(after.Status).To(Equal(204))
		Expect(after.Duration).To(Equal(time.Second))
		Expect(after.Notes).To(Equal([]string{"later"}))
	})

	It("stands concurrent exchanges and readers", func() {
		j := journal.New(journal.Config{Capacity: 50})
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 50 {
					x := &vnet.Exchange{ID: uint64(g*50 + i + 1), Parent: uint64(g), From: wifi, Owner: "Server", Method: "GET", URL: "https://b.example/", Start: start}
					j.Opened(x)
					x.Note("n")
					x.Close(vnet.Outcome{Status: 200})
					j.Closed(x)
					_ = journal.Mermaid(j.Records(), journal.MermaidOptions{})
				}
			})
		}
		wg.Wait()
		Expect(j.Len()).To(Equal(50))
		Expect(j.Evicted()).To(Equal(350))
		for i, r := range j.Records() {
			Expect(r.Seq).To(Equal(351 + i))
			Expect(r.Open()).To(BeFalse())
		}
	})
})
