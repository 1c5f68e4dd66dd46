package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/phonechecksim/phonechecksim/sim"
)

// Summary says to a person where everything is and how to use it.
func (s *Server) Summary(w io.Writer) {
	a := s.Addresses()
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("phonechecksim serves a simulated mobile world. Nothing of it reaches a real operator.")
	line("")
	line("  platform API         %s", a.API)
	line("                       %s", a.APITLS)
	line("  application server   %s   (the reference one)", a.App)
	line("  access proxy         %s", a.Proxy)
	line("  control API          %s", a.Control)
	line("")
	p := a.Projects[0]
	line("  client id            %s", p.ClientID)
	line("  client secret        %s", p.ClientSecret)
	line("")
	for _, d := range a.Devices {
		line("  %-8s %-15s  cellular %s  wifi %s", d.Name, d.MSISDN, d.Proxies["cellular"], d.Proxies["wifi"])
	}
	if len(a.Devices) > 0 {
		d := a.Devices[0]
		line("")
		line("Open a check URL as %s, over mobile data:", d.Name)
		line("  curl -L --cacert %s -x %s \"$CHECK_URL\"", a.CA, d.ProxyURLs["cellular"])
	}
	line("")
	line("A backend with a hard-coded API host takes part through the proxy, as the user server:")
	line("  HTTPS_PROXY=%s", strings.Replace(a.Proxy, "://", "://"+wired+"@", 1))
	line("")
	line("Trust its certificate authority (SHA-256 %s...):", s.ca.Fingerprint()[:16])
	for _, t := range trust(a.CA) {
		line("  %-9s %s", t.who, t.how)
	}
	if s.exposed() {
		line("")
		line("Exposed: other machines can reach it. Whoever does can change the world, read its journal, and use the proxy.")
	}
}

type truster struct{ who, how string }

// trust is how programs are made to trust a certificate.
func trust(ca string) []truster {
	return []truster{
		{"Node", "NODE_EXTRA_CA_CERTS=" + ca},
		{"Python", "SSL_CERT_FILE=" + ca + " REQUESTS_CA_BUNDLE=" + ca},
		{"Java", "keytool -importcert -noprompt -alias phonechecksim -file " + ca + " -keystore truststore.p12 -storepass changeit  # then -Djavax.net.ssl.trustStore=truststore.p12"},
		{"Go", "SSL_CERT_FILE=" + ca},
		{"curl", "curl --cacert " + ca},
		{"Chromium", "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n phonechecksim -i " + ca},
		{"Android", "adb push " + ca + " /sdcard/Download/  # then Settings, Security, Install a certificate; the debug network security config must trust user certificates"},
	}
}

// Environment is where the platform is and how to authenticate to it, as variables under the names that its clients read.
func Environment(apiBase, clientID, clientSecret string) []string {
	return []string{
		"API_BASE_URL=" + apiBase, "TRU_API_BASE_URL=" + apiBase,
		"TRU_ID_CLIENT_ID=" + clientID, "TRU_ID_CLIENT_SECRET=" + clientSecret,
		"TRU_CLIENT_ID=" + clientID, "TRU_CLIENT_SECRET=" + clientSecret,
		"IDLAYR_CLIENT_ID=" + clientID, "IDLAYR_CLIENT_SECRET=" + clientSecret, "IDLAYR_DATA_RESIDENCY=eu", "TRU_DATA_RESIDENCY=eu",
	}
}

// StarterFile is a file to begin with.
type StarterFile struct {
	Name    string
	Content []byte
}

// wired are the credentials of the proxy's user that is no device. Any password does; with an empty one Node's undici sends none.
const wired = sim.WiredUser + ":x"

// StarterFiles are the credentials and settings of the default project, in the forms and under the names that existing
// clients of the platform read, and a sample world.
func StarterFiles() []StarterFile {
	api, proxy := "http://"+DefaultAddr.APIAddr, "http://"+wired+"@"+DefaultAddr.ProxyAddr
	id, secret := "sim-client", "sim-secret-of-the-default-project"
	credentials, err := json.MarshalIndent(map[string]any{
		"project_id": "c69bc0e6-a429-11ea-bb37-0242ac130003", "name": "phonechecksim", "created_at": "2020-06-01T16:43:30+00:00",
		"credentials": []map[string]any{{
			"client_id": id, "client_secret": secret, "scopes": []string{"phone_check", "sim_check", "subscriber_check", "coverage"},
		}},
		"data_residency": "eu",
	}, "", "\t")
	if err != nil {
		panic("serve: " + err.Error()) // of our own types
	}
	var env strings.Builder
	for _, v := range Environment(api, id, secret) {
		fmt.Fprintln(&env, v)
	}
	fmt.Fprintf(&env, "\n# A client with a hard-coded API host needs these instead of a base URL, and trust in the certificate authority\n"+
		"# (phonechecksim serve prints where it is).\n# HTTPS_PROXY=%s\n# NODE_EXTRA_CA_CERTS=ca.pem\n", proxy)
	return []StarterFile{
		{"tru.json", append(credentials, '\n')},
		{".env", []byte(env.String())},
		{"world.yaml", []byte(sampleWorld)},
	}
}

const sampleWorld = `# Who there is in the simulated world, for: phonechecksim serve --config world.yaml
# Numbers are those that Ofcom keeps for fiction. phonechecksim explains a mistake with line and column.

ttl: 60s # how long a check lives
callbacks: false # true: the platform calls the reference application server back

devices:
  alice: {msisdn: "447700900001"}
  bob: {msisdn: "447700900002", wifi: true} # WiFi is bob's default route
  carol:
    msisdn: "447700900101" # of another operator
    second_sim: {msisdn: "447700900003"}
    data_sim: 1 # the slot that carries data
`
