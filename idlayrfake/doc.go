// Package idlayrfake is the IDlayr platform of a PhoneCheck integration: OAuth2
// client credentials, checks and their states, the check URL that sends a device
// to its operator, and the back channel on which the platform asks that operator
// for the match result.
//
// A [Platform] is an http.Handler. It opens no socket and starts no goroutine; it
// reaches operators through the http.Client it is given. Whoever wants only the
// API in a test of their own takes this package alone, as they would take
// net/http/httptest.
//
// The outcome of a check follows from the network, never from a digit of the
// number: the address a device opens the check URL from decides the operator,
// and the number that operator reports for the session decides the match. The
// exception are projects that say they want none of this, see Project.Mode.
package idlayrfake
