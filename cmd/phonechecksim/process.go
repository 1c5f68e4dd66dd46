package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/phonechecksim/phonechecksim/scenarios/contract"
	"github.com/phonechecksim/phonechecksim/sim/clock"
)

// process is a backend that was started for a run; nil when it was running already.
type process struct {
	cmd  *exec.Cmd
	dir  string // of its certificate authority
	said tail
	done chan struct{}
	err  error // once done
}

// startBackend starts the command, if there is one.
func startBackend(command []string, s contract.Surroundings) (*process, error) {
	if len(command) == 0 {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "phonechecksim")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, done: make(chan struct{})}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.CA, 0o600); err != nil {
		return p, err
	}
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Env = environment(s, ca)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.WaitDelay = time.Second // for children that keep its output open
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return p, fmt.Errorf("the backend cannot be started: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// ended says whether the backend has ended, and how.
func (p *process) ended() (said string, ended bool) {
	if p == nil || p.cmd == nil {
		return "", false
	}
	select {
	case <-p.done:
		return fmt.Sprintf("%v\n%s", p.err, p.said.String()), true
	default:
		return "", false
	}
}

// stopPatience is how long a backend may take to end by itself.
const stopPatience = 3 * time.Second

// end stops the backend, gently at first.
func (p *process) end() {
	if p == nil {
		return
	}
	defer os.RemoveAll(p.dir)
	if p.cmd == nil {
		return
	}
	if p.cmd.Process.Signal(os.Interrupt) != nil { // there is none on Windows
		_ = p.cmd.Process.Kill()
	}
	stop := clock.NewReal().AfterFunc(stopPatience, func() { _ = p.cmd.Process.Kill() })
	<-p.done
	stop()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxTail = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if extra := t.buf.Len() - maxTail; extra > 0 {
		t.buf.Next(extra)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.buf.String())
}
