package idlayrfake

import (
	"crypto/subtle"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// oauthError is an error of the token endpoint (RFC 6749 §5.2).
type oauthError struct {
	status      int
	code        string
	description string
}

func (e *oauthError) says() (code, text string) {
	return e.code, "token request refused: " + e.description
}

func (e *oauthError) answer(_ *Platform, w http.ResponseWriter) {
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="idlayr"`)
	}
	noStore(w)
	writeJSON(w, e.status, "application/json", struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{e.code, e.description})
}

func invalidRequest(description string) *oauthError {
	return &oauthError{http.StatusBadRequest, "invalid_request", description}
}

// noStore keeps credentials out of caches (RFC 6749 §5.1).
func noStore(w http.ResponseWriter) {
	w.Header()["Cache-Control"] = []string{"no-store"}
	w.Header()["Pragma"] = []string{"no-cache"}
}

// tokenBody is the answer of the token endpoint, in the order of the guide's
// sample.
type tokenBody struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
	ExpiresIn   int    `json:"expires_in"`
	TokenType   string `json:"token_type"`
	Scope       string `json:"scope"`
}

// issueToken is POST /oauth2/v1/token (guide, step 3; RFC 6749 §4.4).
func (p *Platform) issueToken(x *exchange) failure {
	project, form, fail := p.clientForm(x)
	if fail != nil {
		return fail
	}
	switch form["grant_type"] {
	case "client_credentials":
	case "":
		return invalidRequest("grant_type is missing")
	default:
		return &oauthError{http.StatusBadRequest, "unsupported_grant_type", "only client_credentials is supported"}
	}
	scopes, fail := grant(project, form["scope"])
	if fail != nil {
		return fail
	}
	now := p.cfg.Clock.Now()
	value := p.opaque()
	p.mu.Lock()
	p.tokens.add(value, token{project, scopes, now.Add(p.cfg.TokenTTL)}, now)
	p.mu.Unlock()
	scope := strings.Join(scopes, " ")
	p.decide(x.r.Context(), "", "", "access token for ", project.ClientID, ": ", scope)

	noStore(x.w)
	writeJSON(x.w, http.StatusOK, "application/json", tokenBody{
		AccessToken: value,
		IDToken:     idToken(project.DataResidency, project.ClientID, now),
		ExpiresIn:   int(p.cfg.TokenTTL / time.Second),
		TokenType:   "bearer",
		Scope:       scope,
	})
	return nil
}

// grant returns the scopes a client gets: what it asked for, or all it may have.
func grant(project *Project, asked string) ([]string, failure) {
	var scopes []string
	for _, s := range strings.Split(asked, " ") {
		switch {
		case s == "" || slices.Contains(scopes, s):
		case slices.Contains(project.Scopes, s) || slices.Contains(alwaysScopes, s):
			scopes = append(scopes, s)
		default:
			return nil, &oauthError{http.StatusBadRequest, "invalid_scope", "the client may not have one of the scopes"}
		}
	}
	if len(scopes) == 0 {
		return project.Scopes, nil
	}
	return scopes, nil
}

// revokeToken is POST /oauth2/v1/revoke (RFC 7009). It says nothing about
// whether there was such a token, and leaves those of other clients alone.
func (p *Platform) revokeToken(x *exchange) failure {
	project, form, fail := p.clientForm(x)
	if fail != nil {
		return fail
	}
	value := form["token"]
	if value == "" {
		return invalidRequest("token is missing")
	}
	p.mu.Lock()
	revoked := p.tokens.byValue[value].project == project
	if revoked {
		delete(p.tokens.byValue, value)
	}
	p.mu.Unlock()
	if revoked {
		p.decide(x.r.Context(), "", "", "access token of ", project.ClientID, " revoked")
	}
	noStore(x.w)
	writeEmpty(x.w, http.StatusOK)
	return nil
}

// clientForm authenticates the client and reads its form. The client comes
// first: to anybody else the endpoint says no more than that.
func (p *Platform) clientForm(x *exchange) (*Project, map[string]string, failure) {
	project := p.authenticate(x)
	if project == nil {
		return nil, nil, &oauthError{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
	}
	form, fail := readForm(x)
	if fail != nil {
		return nil, nil, fail
	}
	return project, form, nil
}

// authenticate finds the client of a Basic header, nil if it is nobody. Most
// clients send id and secret as they are; RFC 6749 §2.3.1 wants them form-encoded
// first. Both are right.
func (p *Platform) authenticate(x *exchange) *Project {
	id, secret, ok := x.r.BasicAuth()
	if !ok {
		return nil
	}
	if project := p.client(x.region, id, secret); project != nil {
		return project
	}
	rawID, err1 := url.QueryUnescape(id)
	rawSecret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil || rawID == id && rawSecret == secret {
		return nil
	}
	return p.client(x.region, rawID, rawSecret)
}

func (p *Platform) client(region, id, secret string) *Project {
	for _, project := range p.clients[id] {
		if project.servedAt(region) && subtle.ConstantTimeCompare([]byte(project.ClientSecret), []byte(secret)) == 1 {
			return project
		}
	}
	return nil
}

// readForm reads a form in which no parameter comes twice. A parameter without a
// value is one that was not sent (RFC 6749 §3.2).
func readForm(x *exchange) (map[string]string, failure) {
	const mediaType = "application/x-www-form-urlencoded"
	if got, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type")); got != mediaType {
		return nil, invalidRequest("the body must be " + mediaType)
	}
	body, e := readBody(x, mediaType)
	if e != nil {
		return nil, &oauthError{e.status, "invalid_request", "the body cannot be read"}
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("the body is not form-encoded")
	}
	form := make(map[string]string, len(values))
	for name, v := range values {
		if len(v) > 1 {
			return nil, invalidRequest("a parameter is repeated")
		}
		form[name] = v[0]
	}
	return form, nil
}

// authorize finds the project of a request's access token and demands a scope
// (RFC 6750).
func (p *Platform) authorize(x *exchange, scope string) (*Project, failure) {
	headers := x.r.Header["Authorization"]
	if len(headers) == 0 {
		return nil, unauthorized.because("no access token")
	}
	scheme, value, _ := strings.Cut(headers[0], " ")
	value = strings.Trim(value, " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || value == "" {
		return nil, unauthorized.because("no access token")
	}
	p.mu.Lock()
	tok, ok := p.tokens.byValue[value]
	p.mu.Unlock()
	switch {
	case !ok:
		return nil, badToken.because("unknown access token")
	case !p.cfg.Clock.Now().Before(tok.expires):
		return nil, badToken.because("expired access token")
	case !tok.project.servedAt(x.region):
		return nil, badToken.because("access token of region ", tok.project.DataResidency)
	case !slices.Contains(tok.scopes, scope):
		e := forbidden
		e.challenge = `Bearer error="insufficient_scope", scope="` + scope + `"`
		return nil, e.because("access token without scope ", scope)
	}
	return tok.project, nil
}
