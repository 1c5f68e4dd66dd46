// Package phonechecksim is the root of an offline simulator of IDlayr PhoneCheck. It holds no code: import sim for a
// simulated world, idlayrfake for the API alone, or run cmd/phonechecksim.
package phonechecksim
