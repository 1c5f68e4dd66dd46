package frontdoor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/internal/wholefile"
)

// CA is the simulator's own certificate authority. Whoever trusts it takes the simulator for every host of the virtual
// internet, so it is for test machines alone, and made anew on each.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  func() time.Time

	mu     sync.Mutex
	leaf   *ecdsa.PrivateKey // one key for all hosts
	leaves map[string]*tls.Certificate
}

// maxLeaves bounds how many certificates are kept; a client may ask for any name.
const maxLeaves = 256

const (
	caFile  = "ca.pem"
	keyFile = "ca-key.pem"

	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 365 * 24 * time.Hour // the longest that all clients accept
	slack    = 24 * time.Hour       // for clients whose clock is behind
)

// NewCA makes a certificate authority that is kept nowhere. now tells the time that certificates are valid at: clients
// check them on the machine's clock.
func NewCA(now func() time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "phonechecksim test CA", Organization: []string{"phonechecksim"}},
		NotBefore:             now().Add(-slack),
		NotAfter:              now().Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return newCA(der, key, now)
}

func newCA(der []byte, key *ecdsa.PrivateKey, now func() time.Time) (*CA, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if !cert.IsCA || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("the certificate is not that of the key")
	}
	return &CA{cert: cert, key: key, now: now, leaves: map[string]*tls.Certificate{}}, nil
}

// LoadCA returns the certificate authority that is kept in a directory, and makes it there first when there is none or
// it has run out. The private key can be read by its owner alone (mode 0600).
func LoadCA(dir string, now func() time.Time) (*CA, error) {
	ca, err := readCA(dir, now)
	if err == nil && now().Before(ca.cert.NotAfter.Add(-leafLife)) {
		return ca, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the certificate authority in %s cannot be used: %w; remove %s and %s to have a new one made", dir, err, caFile, keyFile)
	}
	if ca, err = NewCA(now); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := wholefile.Write(filepath.Join(dir, keyFile), key, 0o600); err != nil {
		return nil, err
	}
	return ca, wholefile.Write(filepath.Join(dir, caFile), ca.PEM(), 0o644)
}

func readCA(dir string, now func() time.Time) (*CA, error) {
	keyPEM, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	certPEM, err := os.ReadFile(filepath.Join(dir, caFile))
	if err != nil {
		return nil, err
	}
	keyBlock, _ := pem.Decode(keyPEM)
	certBlock, _ := pem.Decode(certPEM)
	if keyBlock == nil || certBlock == nil {
		return nil, errors.New("a file is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, err
	}
	ours, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is of another kind")
	}
	return newCA(certBlock.Bytes, ours, now)
}

// CAPath returns where [LoadCA] keeps the certificate in a directory.
func CAPath(dir string) string { return filepath.Join(dir, caFile) }

// PEM returns the certificate as most programs read it.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// DER returns the certificate as phones and Java read it.
func (ca *CA) DER() []byte { return append([]byte(nil), ca.cert.Raw...) }

// Fingerprint returns the SHA-256 of the certificate in hex.
func (ca *CA) Fingerprint() string { return fmt.Sprintf("%x", sha256.Sum256(ca.cert.Raw)) }

// Pool returns a pool that trusts this authority and nobody else.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}

// certificate returns one for a host name or address.
func (ca *CA) certificate(host string) (*tls.Certificate, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if c := ca.leaves[host]; c != nil && ca.now().Before(c.Leaf.NotAfter.Add(-slack)) {
		return c, nil
	}
	if ca.leaf == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		ca.leaf = key
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"phonechecksim"}}, // names stand in the SAN alone
		NotBefore:    ca.now().Add(-slack),
		NotAfter:     ca.now().Add(leafLife - slack),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, ca.leaf.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if len(ca.leaves) >= maxLeaves {
		clear(ca.leaves)
	}
	c := &tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: ca.leaf, Leaf: leaf}
	ca.leaves[host] = c
	return c, nil
}

// tlsConfig answers for whatever name the client asks; host is for clients that ask for none, as they do for addresses.
// HTTP/1.1 alone is spoken: the hand-written clients of phones speak nothing else.
func (ca *CA) tlsConfig(host func(net.Conn) string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		Time:       ca.now,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name := hello.ServerName
			if name == "" {
				name = host(hello.Conn)
			}
			return ca.certificate(name)
		},
	}
}
