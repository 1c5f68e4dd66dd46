package journal

import (
	"fmt"
	"strings"
)

// MermaidOptions says how [Mermaid] writes. The zero value is useful.
type MermaidOptions struct {
	MaskNumbers bool // show of phone numbers the country code and the last two digits only
}

// maxMermaid is how many columns one label may have: longer ones stretch the whole diagram.
const maxMermaid = 80

// Mermaid returns the records as the text of a Mermaid sequence diagram: requests as solid arrows, answers as dashed
// ones, in the order in which they happened, each with the guide's step in front.
func Mermaid(records []Record, o MermaidOptions) string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	lanes, title := heads(records)
	id := map[string]string{}
	for i, lane := range lanes {
		// Names of our own keep whatever a lane is called out of the grammar.
		id[lane] = fmt.Sprintf("L%d", i+1)
		switch lane {
		case Device, Server, IDlayr, MNO:
			id[lane] = lane
		}
		fmt.Fprintf(&b, "    participant %s as %s\n", id[lane], mermaidText(title[lane]))
	}
	note := func(from, to, text string) {
		over := id[from]
		if from != to {
			over += "," + id[to]
		}
		fmt.Fprintf(&b, "    Note over %s: %s\n", over, mermaidText(text))
	}
	for _, e := range events(records) {
		r := e.r
		switch {
		case e.note != "":
			note(r.From, r.To, Redact(e.note, o.MaskNumbers))
		case r.IsNote():
			note(r.From, r.From, stepped(e, Redact(r.Text, o.MaskNumbers)))
		case e.answer:
			arrow := "-->>"
			if r.Err != "" {
				arrow = "--x"
			}
			fmt.Fprintf(&b, "    %s%s%s: %s\n", id[r.To], arrow, id[r.From],
				mermaidText(stepped(e, answerLabel(r, o.MaskNumbers))))
		default:
			fmt.Fprintf(&b, "    %s->>%s: %s\n", id[r.From], id[r.To],
				mermaidText(stepped(e, requestLabels(r, o.MaskNumbers)[0])))
			for _, n := range circumstances(r, title) {
				note(r.From, r.To, Redact(n, o.MaskNumbers))
			}
		}
	}
	return b.String()
}

func stepped(e event, s string) string {
	if n := e.step(); n != 0 {
		return fmt.Sprintf("%d. %s", n, s)
	}
	return s
}

// mermaidEscapes are the entities for what the parser, or the page that it draws into, would take as its own.
var mermaidEscapes = strings.NewReplacer(
	"#", "#35;", ";", "#59;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "%", "#37;", "{", "#123;", "}", "#125;",
	`"`, "#quot;", "`", "#96;", "\\", "#92;", ":", "#58;",
)

func mermaidText(s string) string {
	s = strings.TrimSpace(fit(clean(s), maxMermaid))
	if s == "" {
		s = "?" // the grammar wants something
	}
	return mermaidEscapes.Replace(s)
}
