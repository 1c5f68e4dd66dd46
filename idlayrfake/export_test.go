package idlayrfake

// The state machine, for its tables.
var (
	Expire = expire
	Open   = open
	Refuse = refuse
	Settle = settle

	E164             = e164
	SubscriberNumber = subscriberNumber
	RegionOf         = regionOf
	IDToken          = idToken
)

type Verdict = verdict

func Waiting() Verdict            { return verdict{waiting: true} }
func Says(msisdn string) Verdict  { return verdict{msisdn: msisdn} }
func Failing(code string) Verdict { return verdict{errorCode: code} }
func SignIDToken(client string)   { _ = idTokenDay{"eu", client, 0}.sign() }

// Tokens says how many access tokens are kept.
func (p *Platform) Tokens() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tokens.byValue)
}

// Signature signs names and values by turns.
func Signature(nameValue ...string) string {
	var lines []signedLine
	for i := 0; i < len(nameValue); i += 2 {
		lines = append(lines, signedLine{nameValue[i], nameValue[i+1]})
	}
	return signature(lines...)
}

// ParseRSQL says where a query of checks goes wrong.
func ParseRSQL(search string) (at int, what string, ok bool) {
	q, err := parseRSQL(search, products[0].searchField)
	if err != nil {
		return err.at, err.what, false
	}
	q(&Check{})
	return 0, "", true
}

// Limited says how many addresses are counted for the rate limit.
func (p *Platform) Limited() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.limits.addresses)
}

// Routes are the routes by name, each with method and path.
func Routes() map[string]string {
	all := map[string]string{}
	for _, r := range routes() {
		all[r.name] = r.method + " " + r.path
	}
	return all
}
