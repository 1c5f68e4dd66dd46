package journal

import (
	"net/http"
	"time"
)

// Record is one exchange, or one note, as it was when the journal was read. It is a value: nothing that happens later
// changes it. Headers and bodies are shared with the exchange and must not be modified.
//
// It holds secrets as they were on the wire. Whoever shows it to people uses [Redact].
type Record struct {
	Seq       int // 1, 2, 3... in the order in which things began
	ParentSeq int // the record of the exchange during which this one was made, 0 when none

	Step       int // the guide's step, 1 to 8, or 0
	AnswerStep int // the step of the answer: 4 for step 2, 8 for step 6, else Step

	From, To         string // lanes; equal for a note
	FromName, ToName string // owners: "Device alice", "MNO O2 UK"

	Path      string // the kind of path that the request took: "cellular", "wifi", "wired", "vpn", "relay"
	Interface string // its name: "cellular O2 UK"
	Secure    bool   // nobody on the path could read or stamp it

	Method, URL    string
	RequestHeader  http.Header
	RequestBody    []byte
	Status         int // 0 when no response began
	ResponseHeader http.Header
	ResponseBody   []byte
	Err            string   // what went wrong on the wire, empty when nothing did
	Notes          []string // what the actors noted, oldest first
	Text           string   // what happened, for a record without exchange

	Start    time.Time     // virtual
	Duration time.Duration // virtual, 0 while open

	// OpenEvent and CloseEvent place the beginning and the end in one common order over all records of a journal;
	// CloseEvent is 0 while the exchange is open. The order is exact also when virtual time stands still.
	OpenEvent, CloseEvent uint64
	NoteEvents            []uint64 // one for each of Notes
}

// IsNote reports whether r is something that happened inside one lane, without exchange.
func (r *Record) IsNote() bool { return r.Text != "" || r.Method == "" && r.URL == "" }

// Open reports whether the exchange has not ended yet.
func (r *Record) Open() bool { return r.CloseEvent == 0 }

// record takes the snapshot.
func (e *entry) record() Record {
	r := Record{
		Seq: e.seq, ParentSeq: e.parentSeq,
		Step: e.step, AnswerStep: answerStep(e.step),
		From: e.from, To: e.to,
		Text: e.text, Start: e.at,
		OpenEvent: e.opened, CloseEvent: e.closed,
	}
	x := e.x
	if x == nil {
		return r
	}
	r.FromName, r.ToName = x.From.Owner, x.Owner
	r.Path, r.Interface, r.Secure = string(x.From.Kind), x.From.Path, x.Secure
	r.Method, r.URL, r.RequestHeader, r.RequestBody = x.Method, x.URL, x.Header, x.Body
	for _, n := range e.notes {
		r.Notes = append(r.Notes, n.text)
		r.NoteEvents = append(r.NoteEvents, n.event)
	}
	if e.closed != 0 {
		o := x.Outcome()
		r.Status, r.ResponseHeader, r.ResponseBody, r.Err, r.Duration = o.Status, o.Header, o.Body, o.Err, o.Duration
	}
	return r
}
