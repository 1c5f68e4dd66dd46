// A backend that verifies phone numbers with PhoneCheck v0.1. It knows nothing of the simulator: API_BASE_URL, or HTTPS_PROXY
// with the API's real name, decides whom it speaks to.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type server struct {
	api    string
	tokens clientcredentials.Config

	mu       sync.Mutex
	token    *oauth2.Token
	sessions map[string]string // cookie to the session's check
}

// accessToken returns one that is good for a while, or a fresh one.
func (s *server) accessToken(ctx context.Context, fresh bool) (*oauth2.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh || !s.token.Valid() {
		token, err := s.tokens.Token(ctx)
		if err != nil {
			return nil, err
		}
		s.token = token
	}
	return s.token, nil
}

// check is as much of the platform's answers as is needed.
type check struct {
	CheckID string `json:"check_id"`
	Status  string `json:"status"`
	Match   bool   `json:"match"`
	Links   struct {
		CheckURL struct {
			Href string `json:"href"`
		} `json:"check_url"`
	} `json:"_links"`
}

func (s *server) call(ctx context.Context, method, path string, body any) (c check, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	raw, err := json.Marshal(body)
	if err != nil {
		return c, err
	}
	var resp *http.Response
	for _, fresh := range []bool{false, true} { // again if the token died before its time
		token, err := s.accessToken(ctx, fresh)
		if err != nil {
			return c, err
		}
		req, err := http.NewRequestWithContext(ctx, method, s.api+path, bytes.NewReader(raw))
		if err != nil {
			return c, err
		}
		req.Header.Set("Content-Type", "application/json")
		token.SetAuthHeader(req)
		if resp, err = http.DefaultClient.Do(req); err != nil {
			return c, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			break
		}
	}
	if resp.StatusCode >= 300 {
		return c, fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return c, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&c)
}

var (
	decoration = regexp.MustCompile(`[\s()-]`)
	e164       = regexp.MustCompile(`^[1-9]\d{6,14}$`)
)

func (s *server) start(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		PhoneNumber string `json:"phone_number"`
	}
	_ = json.NewDecoder(http.MaxBytesReader(w, r.Body, 10000)).Decode(&sent)
	number := decoration.ReplaceAllString(sent.PhoneNumber, "")
	number = strings.TrimPrefix(strings.TrimPrefix(number, "+"), "00")
	if !e164.MatchString(number) {
		answer(w, http.StatusBadRequest, map[string]any{"error_message": "a number with its country code, please"})
		return
	}
	c, err := s.call(r.Context(), http.MethodPost, "/phone_check/v0.1/checks", map[string]string{"phone_number": number})
	if err != nil {
		answer(w, http.StatusBadGateway, map[string]any{"error_message": "no check, please use another way"})
		return
	}
	id := rand.Text()
	s.mu.Lock()
	s.sessions[id] = c.CheckID
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	answer(w, http.StatusOK, map[string]any{"check_id": c.CheckID, "check_url": c.Links.CheckURL.Href})
}

func (s *server) result(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query().Get("check_id")
	cookie, err := r.Cookie("session")
	s.mu.Lock()
	mine := err == nil && asked != "" && s.sessions[cookie.Value] == asked
	s.mu.Unlock()
	if !mine {
		answer(w, http.StatusForbidden, map[string]any{"error_message": "not your check"})
		return
	}
	c, err := s.call(r.Context(), http.MethodGet, "/phone_check/v0.1/checks/"+asked, nil)
	if err != nil {
		answer(w, http.StatusBadGateway, map[string]any{"error_message": "no result, please use another way"})
		return
	}
	result := map[string]any{"check_id": asked}
	if c.Status == "COMPLETED" {
		result["match"] = c.Match
	}
	answer(w, http.StatusOK, result)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func main() {
	api := os.Getenv("API_BASE_URL")
	if api == "" {
		api = "https://eu.api.idlayr.com"
	}
	s := &server{api: api, sessions: map[string]string{}, tokens: clientcredentials.Config{
		ClientID: os.Getenv("TRU_ID_CLIENT_ID"), ClientSecret: os.Getenv("TRU_ID_CLIENT_SECRET"),
		TokenURL: api + "/oauth2/v1/token", Scopes: []string{"phone_check"}, AuthStyle: oauth2.AuthStyleInHeader,
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /phone-check", s.start)
	mux.HandleFunc("GET /phone-check", s.result)
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %d\n", l.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(l, mux))
}
