package frontdoor

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Proxy is the access network: an HTTP forward proxy whose client is on the way that pick finds for the user and password
// of its credentials. An error of pick is the client's, and says what would do.
//
// Requests for http URLs travel in the clear, so an operator's packet gateway can read and stamp them. Through CONNECT
// the door answers TLS with a certificate of its own authority for the name asked for; on the way inside it is a secure
// connection, as is everything that comes through a tunnel.
func (d *Door) Proxy(pick func(user, password string) (Way, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		way, err := pick(proxyCredentials(r))
		if err != nil {
			w.Header().Set("Proxy-Authenticate", `Basic realm="phonechecksim: the device is the user, its path the password"`)
			refuse(w, http.StatusProxyAuthRequired, err.Error())
			return
		}
		d.access(w, r, way)
	})
}

// ProxyOn is [Door.Proxy] for clients that can send no credentials: all of them are on one way.
func (d *Door) ProxyOn(way Way) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.access(w, r, way) })
}

func (d *Door) access(w http.ResponseWriter, r *http.Request, way Way) {
	switch {
	case r.Method == http.MethodConnect:
		d.connect(w, r, way)
	case r.URL.Scheme == "http" && r.URL.Host != "":
		forward(w, r, target{"http", r.URL.Host, way})
	default:
		refuse(w, http.StatusBadRequest, "this is a proxy: it takes http URLs and CONNECT")
	}
}

// proxyCredentials reads Proxy-Authorization; empty when there is none.
func proxyCredentials(r *http.Request) (user, password string) {
	scheme, value, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", ""
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil {
		return "", ""
	}
	user, password, _ = strings.Cut(string(raw), ":")
	return user, password
}

// connect opens a tunnel and answers at its other end.
func (d *Door) connect(w http.ResponseWriter, r *http.Request, way Way) {
	address := r.Host
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		refuse(w, http.StatusBadRequest, "CONNECT wants host:port, not "+address)
		return
	}
	if _, err := way(); err != nil { // so that the client hears of it now and not from a broken handshake
		refuse(w, http.StatusBadGateway, err.Error())
		return
	}
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(w, http.StatusHTTPVersionNotSupported, "a tunnel needs HTTP/1.1")
		return
	}
	if _, err := io.WriteString(raw, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = raw.Close()
		return
	}
	inside := address
	if port == "443" || port == "80" {
		inside = host
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forward(w, r, target{"https", inside, way})
	})
	conf := d.ca.tlsConfig(func(net.Conn) string { return host })
	d.accept.Put(&marked{&tunnel{Conn: raw, early: buffered.Reader, conf: conf}, answer})
}

// tunnel is the door's end of a CONNECT. The client begins with TLS, as nearly all do, or in the clear: its first byte
// tells, whenever it comes.
type tunnel struct {
	net.Conn
	early *bufio.Reader // may hold what came with the CONNECT already
	conf  *tls.Config

	mu     sync.Mutex
	talker net.Conn // nil until the first byte is there
}

func (t *tunnel) Read(b []byte) (int, error) {
	c := t.talking()
	if c == nil {
		first, err := t.early.Peek(1)
		if err != nil {
			return 0, err
		}
		c = early{t.Conn, t.early}
		const handshake = 0x16 // the type of a TLS record
		if first[0] == handshake {
			c = tls.Server(c, t.conf)
		}
		t.mu.Lock()
		t.talker = c
		t.mu.Unlock()
	}
	return c.Read(b)
}

func (t *tunnel) Write(b []byte) (int, error) {
	if c := t.talking(); c != nil {
		return c.Write(b)
	}
	return t.Conn.Write(b)
}

func (t *tunnel) Close() error {
	if c := t.talking(); c != nil {
		return c.Close()
	}
	return t.Conn.Close()
}

func (t *tunnel) talking() net.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.talker
}

// early is a connection of which something was read already.
type early struct {
	net.Conn
	r *bufio.Reader
}

func (e early) Read(b []byte) (int, error) { return e.r.Read(b) }
