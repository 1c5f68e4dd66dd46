package device

import "net/http"

// Profile tells an App how to speak to an application server. The zero value, with a BaseURL, fits the reference routes: POST
// /phone-check with a phone_number, and GET /phone-check?check_id=.
type Profile struct {
	// BaseURL is scheme and host, e.g. "https://backend.test", with a path prefix if there is one.
	BaseURL string
	// StartMethod and StartPath take the number (step 2); empty means POST /phone-check. On GET fields travel in the query,
	// on every other method in a JSON body.
	StartMethod, StartPath string
	// NumberField carries the number; empty means phone_number.
	NumberField string
	// CheckIDField names the check in the answer of the start and in the request for the result; empty means check_id.
	CheckIDField string
	// CheckURLField carries the check URL in the answer of the start; empty means check_url.
	CheckURLField string
	// FinishMethod and FinishPath ask for the result (step 6); empty means GET /phone-check.
	FinishMethod, FinishPath string
	// MatchField carries the verdict in the answer; empty means match.
	MatchField string
	// RedeemMethod and RedeemPath take the one-time code that a v0.2 chain ends with, beside the check; empty means POST, and
	// that there is no such route: then the app asks for the result instead.
	RedeemMethod, RedeemPath string
	// CodeField carries the code; empty means code.
	CodeField string
}

// Routes returns the profile of the vendor's sample routes for a product, "phone-check" or "subscriber-check", and an API
// version, "v0.1" or "v0.2".
func Routes(baseURL, product, version string) Profile {
	path := "/" + version + "/" + product
	p := Profile{BaseURL: baseURL, StartPath: path, FinishPath: path}
	if version != "v0.1" {
		p.RedeemPath = path + "/exchange-code"
	}
	return p
}

// WithDefaults returns the profile with nothing left empty but what has no default.
func (p Profile) WithDefaults() Profile {
	for _, f := range []struct {
		field    *string
		standard string
	}{
		{&p.StartMethod, http.MethodPost},
		{&p.StartPath, "/phone-check"},
		{&p.NumberField, "phone_number"},
		{&p.CheckIDField, "check_id"},
		{&p.CheckURLField, "check_url"},
		{&p.FinishMethod, http.MethodGet},
		{&p.FinishPath, "/phone-check"},
		{&p.MatchField, "match"},
		{&p.RedeemMethod, http.MethodPost},
		{&p.CodeField, "code"},
	} {
		if *f.field == "" {
			*f.field = f.standard
		}
	}
	return p
}
