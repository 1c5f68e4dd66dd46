package scenarios

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/phonechecksim/phonechecksim/sim"
	"github.com/phonechecksim/phonechecksim/sim/journal"
)

// ForgeCallback is a device posting what looks like a callback of the platform's to its server: COMPLETED, with a match.
type ForgeCallback struct {
	Device  string `yaml:"device"`
	CheckOf string `yaml:"check_of"` // the device whose check it is about; its own when left out
	How     string `yaml:"how"`
}

// The ways to forge a callback.
const (
	unsigned    = "unsigned"     // without a signature
	otherKey    = "other_key"    // signed with a key of the forger's, under the name of the platform's
	unknownKey  = "unknown_key"  // signed with a key of the forger's, under a name of its own
	swappedBody = "swapped_body" // the headers of the last callback that the platform made, over another body
	replayed    = "replay"       // the last callback that the platform made, byte for byte
)

var forgeries = []string{unsigned, otherKey, unknownKey, swappedBody, replayed}

func (v *ForgeCallback) check(f file, path string, s *Scenario) {
	f.actor(path, s, v.Device)
	if v.CheckOf != "" {
		f.device(path+".check_of", s, v.CheckOf)
	}
	if v.How == "" {
		f.At(path, "forge_callback needs to know how: %s", strings.Join(forgeries, ", "))
	}
	f.word(path+".how", v.How, forgeries)
	if (v.How == swappedBody || v.How == replayed) && !s.Cast.Callbacks {
		f.At(path+".how", "there is no callback to take: the cast has no callbacks: true")
	}
}

func (v *ForgeCallback) play(ctx context.Context, r *run) {
	a := r.actor(v.Device)
	about := a
	if v.CheckOf != "" {
		about = r.actors[v.CheckOf]
	}
	forged := callback{
		path: "/phone-check/callback", header: http.Header{"Content-Type": {"application/json"}, "X-Tru-Callback": {"phone_check"}},
		body: fmt.Sprintf(`{"check_id":%q,"status":"COMPLETED","match":true}`, about.started.CheckID),
	}
	switch v.How {
	case otherKey, unknownKey:
		keyID := "somebody-else"
		if v.How == otherKey {
			keyID = r.publicKeyID(ctx, a)
		}
		forged.header.Set("Date", r.w.Now().UTC().Format(http.TimeFormat))
		forged.sign(keyID)
	case swappedBody, replayed:
		last, ok := lastCallback(r.w.Journal().Records())
		if !ok {
			r.failures = append(r.failures, Failure{
				Where: "in the script", What: "forge_callback", Want: "a callback of the platform's to take", Got: absent,
			})
			return
		}
		forged.path, forged.header = last.path, last.header
		if v.How == replayed {
			forged.body = last.body
		}
	}
	a.learn(a.phone.Call(ctx, http.MethodPost, forged.path, forged.header, forged.body))
}

// callback is one as it goes over the wire.
type callback struct {
	path   string
	header http.Header
	body   string
}

// lastCallback is the latest one that the platform made.
func lastCallback(records []journal.Record) (c callback, ok bool) {
	for i := len(records) - 1; i >= 0; i-- {
		rec := &records[i]
		if rec.From != journal.IDlayr || rec.To != journal.Server {
			continue
		}
		u, err := url.Parse(rec.URL)
		if err != nil {
			continue
		}
		c := callback{path: u.Path, header: http.Header{}, body: string(rec.RequestBody)}
		for _, name := range []string{"Content-Type", "Date", "Digest", "X-Tru-Callback", "Authorization"} {
			c.header.Set(name, rec.RequestHeader.Get(name))
		}
		return c, true
	}
	return c, false
}

// publicKeyID is the name of the key that the platform signs with. The forger looks it up where everybody can.
func (r *run) publicKeyID(ctx context.Context, forger *actor) string {
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	answer, err := forger.phone.Call(ctx, http.MethodGet, sim.APIBase+"/.well-known/jwks.json", nil, "")
	if err != nil || json.Unmarshal(answer.Body, &set) != nil || len(set.Keys) == 0 {
		return "unknown"
	}
	return set.Keys[0].ID
}

// sign does what the platform does (draft-cavage-http-signatures), with the forger's own key.
func (c *callback) sign(keyID string) {
	sum := sha256.Sum256([]byte(c.body))
	c.header.Set("Digest", "SHA-256="+hex.EncodeToString(sum[:]))
	covers := []string{"(request-target)", "host", "date", "x-tru-callback", "digest"}
	var lines []string
	for _, name := range covers {
		value := c.header.Get(name)
		switch name {
		case "(request-target)":
			value = "post " + c.path
		case "host":
			value = "app.example"
		}
		lines = append(lines, name+": "+value)
	}
	hashed := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	value, err := rsa.SignPKCS1v15(nil, forgersKey(), crypto.SHA256, hashed[:])
	if err != nil {
		panic(err) // the key is good for it
	}
	c.header.Set("Authorization", fmt.Sprintf(`Signature keyId=%q,algorithm="rsa-sha256",headers=%q,signature=%q`,
		keyID, strings.Join(covers, " "), base64.StdEncoding.EncodeToString(value)))
}

//go:embed forger.pem
var forgersPEM []byte

// forgersKey is a key that nobody has a reason to trust. It is always the same, so that runs are.
var forgersKey = sync.OnceValue(func() *rsa.PrivateKey {
	block, _ := pem.Decode(forgersPEM)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err) // it is embedded
	}
	return key.(*rsa.PrivateKey)
})
