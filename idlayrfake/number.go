package idlayrfake

import "strings"

// e164 returns the number without its optional plus, and whether it is one: 7 to
// 15 digits, the first not zero (guide, step 3).
func e164(s string) (string, bool) {
	s = strings.TrimPrefix(s, "+")
	if len(s) < 7 || len(s) > 15 || s[0] == '0' {
		return "", false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return s, true
}

// subscriberNumber reads a number as operators write it: international with a
// plus, with the 00 prefix or bare, or national with a trunk zero.
func subscriberNumber(s, dialingCode string) (string, bool) {
	switch {
	case strings.HasPrefix(s, "+"):
	case strings.HasPrefix(s, "00"):
		s = s[2:]
	case strings.HasPrefix(s, "0") && dialingCode != "":
		s = dialingCode + s[1:]
	}
	return e164(s)
}
