package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/phonechecksim/phonechecksim/cmd/phonechecksim/serve"
	"github.com/phonechecksim/phonechecksim/scenarios"
	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// drainPatience is how long requests under way may take to end when the program is told to stop.
const drainPatience = 10 * time.Second

func serveCommand() *cobra.Command {
	cfg := serve.DefaultAddr
	var worldFile, addrFile, logFormat string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Put a simulated world behind sockets: for backends, browsers, phones",
		Long: `Put a simulated world behind real sockets. A backend in any language calls the
platform at --api-addr, or at its real name through the proxy; a browser, an
emulator or curl is put on a device's path by the access proxy: the user is the
device, the password its path (cellular, wifi or default). SIGINT and SIGTERM
end it once requests under way are answered.`,
		Example: `  phonechecksim serve
  phonechecksim serve --config world.yaml --addr-file addr.json --api-addr 127.0.0.1:0
  curl -x http://alice:cellular@127.0.0.1:8081 -L --cacert ca.pem "$CHECK_URL"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logger(cmd.ErrOrStderr(), logFormat)
			if err != nil {
				return err
			}
			cfg.Log = log
			if worldFile != "" {
				if cfg.Cast, err = scenarios.LoadCast(worldFile); err != nil {
					return err
				}
			}
			if cfg.StateDir == "" {
				if cfg.StateDir, err = stateDir(); err != nil {
					return err
				}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			debug.SetGCPercent(serve.GCPercent)
			s, err := serve.Start(cfg)
			if err != nil {
				return err
			}
			if addrFile != "" {
				if err := s.WriteAddrFile(addrFile); err != nil {
					return errors.Join(err, s.Close())
				}
			}
			s.Summary(cmd.OutOrStdout())
			<-ctx.Done()
			stop() // a second signal ends the program at once
			log.Info("stopping")
			drain, cancel := clock.WithTimeout(context.Background(), clock.NewReal(), drainPatience)
			defer cancel()
			if err := s.Shutdown(drain); err != nil {
				log.Warn("requests were cut off", "error", err)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.APIAddr, "api-addr", cfg.APIAddr, "the platform over HTTP")
	f.StringVar(&cfg.APITLSAddr, "api-tls-addr", cfg.APITLSAddr, "the platform over HTTPS")
	f.StringVar(&cfg.ProxyAddr, "proxy-addr", cfg.ProxyAddr, "the access proxy")
	f.StringVar(&cfg.AppAddr, "app-addr", cfg.AppAddr, "the reference application server")
	f.StringVar(&cfg.ControlAddr, "control-addr", cfg.ControlAddr, "the control API")
	f.StringVar(&cfg.PublicURL, "public-url", "", "what links in the platform's answers begin with (default: the host that the caller used)")
	f.StringVar(&worldFile, "config", "", "a file with the cast: ttl, callbacks, devices (see phonechecksim init)")
	f.StringVar(&addrFile, "addr-file", "", "write where everything is to this file, once all of it answers")
	f.StringVar(&cfg.StateDir, "state-dir", "", "where the certificate authority is kept (default: in the user's config directory)")
	f.StringVar(&cfg.DirectAs, "direct-as", "", "put visits to a check URL without proxy on a device's path, such as alice/cellular (default: fixed line)")
	f.BoolVar(&cfg.Expose, "expose", false, "allow addresses that other machines can reach; whoever reaches them controls the simulator")
	f.BoolVar(&cfg.AllowExternal, "allow-external", false, "let requests inside reach real hosts on the internet")
	f.Uint64Var(&cfg.Seed, "seed", 1, "decides every id and token")
	f.StringVar(&logFormat, "log", "text", "text, json or none: the log, to standard error")
	return cmd
}

func logger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	case "none":
		return slog.New(slog.DiscardHandler), nil
	}
	return nil, fmt.Errorf("--log %q is none of text, json, none", format)
}

// stateDir is the user's own.
func stateDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("%w; say where to keep the certificate authority with --state-dir", err)
	}
	return filepath.Join(dir, "phonechecksim"), nil
}

func probeCommand() *cobra.Command {
	var control string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Say whether a serve answers: exit code 0 when it does, 1 when not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			real := clock.NewReal()
			ctx, cancel := clock.WithTimeout(cmd.Context(), real, max(wait, 2*time.Second))
			defer cancel()
			for {
				err := probe(ctx, control+"/v1/health")
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s answers\n", control)
					return nil
				}
				if wait == 0 || real.Sleep(ctx, 50*time.Millisecond) != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "phonechecksim: no serve answers: %v\n", err)
					return errFailed
				}
			}
		},
	}
	cmd.Flags().StringVar(&control, "control", "http://"+serve.DefaultAddr.ControlAddr, "base URL of the control API")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for it to come up; with =, as in --wait=5s")
	cmd.Flags().Lookup("wait").NoOptDefVal = "30s"
	return cmd
}

func probe(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is on this machine
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [directory]",
		Short: "Write tru.json, .env and world.yaml for serve; overwrites nothing",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			for _, f := range serve.StarterFiles() {
				path := filepath.Join(dir, f.Name)
				switch err := writeNew(path, f.Content); {
				case errors.Is(err, os.ErrExist):
					fmt.Fprintf(cmd.OutOrStdout(), "%s is there already and stays as it is\n", path)
				case err != nil:
					return err
				default:
					fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", path)
				}
			}
			return nil
		},
	}
}

func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // it holds a secret, if a simulated one
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
