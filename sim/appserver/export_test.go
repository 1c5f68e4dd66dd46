package appserver

// Remembered returns how many checks a callback could be about.
func (s *Server) Remembered() int {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	return len(s.sessions.made)
}
