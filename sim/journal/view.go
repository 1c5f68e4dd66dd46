package journal

// ViewOptions says what [View] hides. The zero value is useful.
type ViewOptions struct {
	MaskNumbers bool // show of phone numbers the country code and the last two digits only
}

// Entry is a [Record] as JSON shows it. For a note, From and To are the same lane and Method and URL are empty.
type Entry struct {
	Seq      int      `json:"seq"`
	Step     int      `json:"step"` // the guide's, 1 to 8, or 0
	From     string   `json:"from"`
	To       string   `json:"to"`
	Path     string   `json:"path"` // "cellular", "wifi", "wired", "vpn", "relay"
	Method   string   `json:"method"`
	URL      string   `json:"url"`
	Status   int      `json:"status"` // 0 when no response began
	Notes    []string `json:"notes"`  // never null
	Error    string   `json:"error,omitempty"`
	At       float64  `json:"at"`                 // virtual seconds since the first record
	Duration float64  `json:"duration,omitempty"` // virtual seconds
	Open     bool     `json:"open,omitempty"`     // it has not ended yet
}

// View returns the records ready for encoding/json, redacted.
func View(records []Record, o ViewOptions) []Entry {
	zero := origin(records)
	out := make([]Entry, len(records))
	for i := range records {
		r := &records[i]
		e := Entry{
			Seq: r.Seq, Step: r.Step, From: r.From, To: r.To, Path: r.Path, Method: r.Method,
			URL: Redact(r.URL, o.MaskNumbers), Status: r.Status, Notes: []string{}, Error: Redact(r.Err, o.MaskNumbers),
			At: r.Start.Sub(zero).Seconds(), Duration: r.Duration.Seconds(), Open: r.Open(),
		}
		if r.Text != "" {
			e.Notes = append(e.Notes, Redact(r.Text, o.MaskNumbers))
		}
		for _, n := range r.Notes {
			e.Notes = append(e.Notes, Redact(n, o.MaskNumbers))
		}
		out[i] = e
	}
	return out
}
