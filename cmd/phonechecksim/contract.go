package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phonechecksim/phonechecksim/cmd/phonechecksim/serve"
	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim/clock"
)

func contractCommand() *cobra.Command {
	var cfg contract.Config
	var profile, base, format, severity, baseline string
	var reports []string
	var startPatience time.Duration
	cmd := &cobra.Command{
		Use:   "contract --profile NAME|FILE --url URL [-- command to start the backend]",
		Short: "Look for the mistakes of a PhoneCheck integration in your backend",
		Long: `Look for the mistakes that break or betray a PhoneCheck integration, in a
backend of yours. The backend is the only real thing; platform, operators and
phones are simulated. It has to call the platform where --api-addr says, with
the credentials that are printed; started by this command it finds both in its
environment (API_BASE_URL, TRU_ID_CLIENT_ID, TRU_ID_CLIENT_SECRET and the other
names that clients of the platform use). A run takes about a minute.

Exit code 0: nothing was found by these checks; 1: something was; 2: the backend
could not be examined.`,
		Example: `  phonechecksim contract init
  phonechecksim contract --profile contract.yaml --url http://127.0.0.1:3000 -- node server.mjs
  phonechecksim contract --profile guide --url http://127.0.0.1:3000 --only C1,C3 --format json`,
		RunE: func(cmd *cobra.Command, command []string) error {
			if !slices.Contains(contract.Formats(), format) {
				return fmt.Errorf("--format %q is none of %s", format, strings.Join(contract.Formats(), ", "))
			}
			files, err := reportFiles(reports, contract.Formats())
			if err != nil {
				return err
			}
			if profile == "" {
				return fmt.Errorf("say how apps speak to the backend with --profile: a file (phonechecksim contract init writes one), or one of %s", strings.Join(contract.ReadyProfiles(), ", "))
			}
			if cfg.Profile, err = readProfile(profile); err != nil {
				return err
			}
			cfg.Severity = contract.Severity(severity)
			u, err := url.Parse(base)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return fmt.Errorf("--url %q: say where the backend is, such as http://127.0.0.1:3000", base)
			}
			if baseline != "" {
				if cfg.Baseline, err = readBaseline(baseline); err != nil {
					return err
				}
			}
			var p *process
			defer func() { p.end() }()
			cfg.Start = func(ctx context.Context, s contract.Surroundings) (string, error) {
				fmt.Fprintf(cmd.ErrOrStderr(), "the platform is at %s, client id %s, client secret %s\n", s.APIBase, s.ClientID, s.ClientSecret)
				if p, err = startBackend(command, s); err != nil {
					return "", err
				}
				return strings.TrimRight(base, "/"), p.waitFor(ctx, u, startPatience)
			}
			cfg.Replay = "phonechecksim contract --profile " + profile + " --url " + base + " --only"
			report, err := contract.Run(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if len(command) > 0 {
				for i := range report.Results {
					report.Results[i].Replay += " -- " + shellWords(command)
				}
			}
			for _, f := range files {
				if err := f.write(report.Write); err != nil {
					return err
				}
			}
			if err := report.Write(cmd.OutOrStdout(), format); err != nil {
				return err
			}
			switch report.ExitCode() {
			case exitOK:
				return nil
			case exitFailed:
				return errFailed
			}
			return errors.New("the backend could not be examined")
		},
	}
	f := cmd.Flags()
	f.StringVar(&profile, "profile", "", "how apps speak to the backend: a file, or one of "+strings.Join(contract.ReadyProfiles(), ", "))
	f.StringVar(&base, "url", "http://127.0.0.1:3000", "where the backend is")
	f.StringVar(&cfg.Listen, "api-addr", "127.0.0.1:8080", "where the platform listens for the backend")
	f.StringVar(&cfg.ListenTLS, "api-tls-addr", "127.0.0.1:8443", "where it listens over HTTPS")
	f.StringVar(&cfg.ClientSecret, "client-secret", "", "the client secret that the backend has (default: one made up)")
	f.StringSliceVar(&cfg.Only, "only", nil, "run these checks alone, by id")
	f.StringSliceVar(&cfg.Skip, "skip", nil, "leave these checks out")
	f.StringVar(&severity, "severity", "", "leave out checks below this severity: high, medium or low")
	f.StringVar(&baseline, "baseline", "", "a report in JSON whose findings are known and do not count")
	f.StringVar(&format, "format", "text", "of the report on standard output: "+strings.Join(contract.Formats(), ", "))
	f.StringArrayVar(&reports, "report", nil, "write a report as well, format=file; may be given several times")
	f.Uint64Var(&cfg.Seed, "seed", 1, "decides ids, tokens and codes")
	f.DurationVar(&startPatience, "start-timeout", 30*time.Second, "how long the backend may take until it listens")
	cmd.AddCommand(contractInitCommand())
	return cmd
}

// shellWords writes a command such that a shell reads it as it was given.
func shellWords(command []string) string {
	words := make([]string, len(command))
	for i, word := range command {
		if word == "" || strings.ContainsAny(word, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words[i] = word
	}
	return strings.Join(words, " ")
}

func contractInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [file]",
		Short: "Write a commented profile, contract.yaml; overwrites nothing",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "contract.yaml"
			if len(args) == 1 {
				path = args[0]
			}
			switch err := writeNew(path, contract.ProfileTemplate()); {
			case errors.Is(err, os.ErrExist):
				return fmt.Errorf("%s is there already; name another file: phonechecksim contract init FILE", path)
			case err != nil:
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s; it says what to fill in\n", path)
			return nil
		},
	}
}

func readProfile(name string) (*contract.Profile, error) {
	if !isFile(name) {
		return contract.Ready(name)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return contract.ParseProfile(filepath.Base(name), content)
}

func readBaseline(path string) (*contract.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return contract.ReadReport(f)
}

// waitFor waits until the backend listens.
func (p *process) waitFor(ctx context.Context, at *url.URL, patience time.Duration) error {
	address := at.Host
	if at.Port() == "" {
		address = net.JoinHostPort(at.Hostname(), map[string]string{"http": "80", "https": "443"}[at.Scheme])
	}
	machine := clock.NewReal()
	ctx, cancel := clock.WithTimeout(ctx, machine, patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if said, ended := p.ended(); ended {
			return fmt.Errorf("the backend has ended: %s", said)
		}
		if machine.Sleep(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("nothing listens on %s after %v: %w", address, patience, err)
		}
	}
}

// environment is what a backend that is started finds of the platform.
func environment(s contract.Surroundings, ca string) []string {
	env := append(os.Environ(), "NODE_EXTRA_CA_CERTS="+ca, "SSL_CERT_FILE="+ca, "REQUESTS_CA_BUNDLE="+ca)
	return append(env, serve.Environment(s.APIBase, s.ClientID, s.ClientSecret)...)
}
