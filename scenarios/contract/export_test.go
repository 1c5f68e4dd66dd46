package contract

// For the tests.
var Leaked = leaked
