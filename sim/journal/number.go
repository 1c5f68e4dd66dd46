package journal

import (
	"regexp"
	"strings"
)

// typedNumber finds numbers as people write them: with a plus or a trunk zero, in groups.
var typedNumber = regexp.MustCompile(`(?:\+|\b00)[1-9][0-9 ().-]{7,18}[0-9]|(?:\(0\)|\b0)[0-9]{2,5}[ -][0-9][0-9 -]{3,10}[0-9]`)

// maskAll masks every phone number in s, typed or in E.164.
func maskAll(s string) string {
	s = typedNumber.ReplaceAllStringFunc(s, maskDigits)
	var b strings.Builder
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		switch {
		case j == i:
			b.WriteByte(s[i])
			i++
			continue
		case j-i >= 10 && j-i <= 15 && !insideWord(s, i, j):
			b.WriteString(maskDigits(s[i:j]))
		default:
			b.WriteString(s[i:j])
		}
		i = j
	}
	return b.String()
}

// insideWord tells digits that belong to an identifier, such as the last group of a UUID, from a number.
func insideWord(s string, i, j int) bool {
	if j < len(s) && (isLetter(s[j]) || s[j] == '_') {
		return true
	}
	if i >= 3 && strings.EqualFold(s[i-3:i], "%2B") {
		return false
	}
	if i >= 1 && (isLetter(s[i-1]) || s[i-1] == '_' || s[i-1] == '.') {
		return true
	}
	return i >= 6 && s[i-1] == '-' && s[i-6] == '-' // ...-bb37-024213000200
}

// maskDigits replaces the digits between the country code and the last two.
func maskDigits(s string) string {
	var digits []int
	for i := range len(s) {
		if isDigit(s[i]) {
			digits = append(digits, i)
		}
	}
	if len(digits) < 8 {
		return s
	}
	var plain strings.Builder
	for _, i := range digits {
		plain.WriteByte(s[i])
	}
	b := []byte(s)
	for _, i := range digits[countryCode(plain.String()) : len(digits)-2] {
		b[i] = '*'
	}
	return string(b)
}

// countryCode returns how many leading digits are the country code (ITU-T E.164), after an international prefix 00 if
// there is one; of a national number it is the trunk zero.
func countryCode(digits string) int {
	if strings.HasPrefix(digits, "00") {
		return 2 + countryCode(strings.TrimLeft(digits[2:6], "0")+"999")
	}
	switch digits[0] {
	case '0', '1', '7':
		return 1
	}
	switch digits[:2] {
	case "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
		"51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
		"81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98":
		return 2
	}
	return 3
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
