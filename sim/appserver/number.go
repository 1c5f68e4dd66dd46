package appserver

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// maxTyped is how long a number may be as typed, in bytes.
const maxTyped = 64

// minDigits is how short a mobile number can be, country code included. Some plans have shorter ones, for services.
const minDigits = 7

// normalise turns a number as people write it into E.164 without plus, "447700900001", and reports whether it can be a
// number at all. One without plus is read as the guide writes it, country code first, unless it starts with a zero: then
// it is international with 00 and the region's own with a single one.
//
// Numbering plans that say which numbers are handed out are of no use here: those for fiction, in which everything is
// tested, are not. So the length decides, and the platform has the last word.
func normalise(typed, region string) (e164 string, ok bool) {
	typed = strings.TrimSpace(typed)
	if len(typed) > maxTyped || strings.IndexFunc(typed, notInNumbers) >= 0 {
		return "", false
	}
	switch {
	case strings.HasPrefix(typed, "00"):
		typed = "+" + typed[2:]
	case typed != "" && typed[0] >= '1' && typed[0] <= '9':
		typed = "+" + typed
	}
	n, err := read(typed, region)
	// IsPossibleNumber would let numbers through that can be dialled within one town only.
	if err != nil || n.GetExtension() != "" || phonenumbers.IsPossibleNumberWithReason(n) != phonenumbers.IS_POSSIBLE {
		return "", false
	}
	e164 = strings.TrimPrefix(phonenumbers.Format(n, phonenumbers.E164), "+")
	return e164, len(e164) >= minDigits
}

// read is phonenumbers.Parse, but quick for a number that is nothing but plus and digits: that one needs none of the
// patterns, only its country code cut off.
func read(number, region string) (*phonenumbers.PhoneNumber, error) {
	for end := 2; end <= 4 && end < len(number); end++ {
		country, err := strconv.ParseUint(number[1:end], 10, 16)
		if err != nil || number[0] != '+' || number[end] == '0' {
			break
		}
		if phonenumbers.GetRegionCodeForCountryCode(int(country)) == phonenumbers.UNKNOWN_REGION {
			continue
		}
		national, err := strconv.ParseUint(number[end:], 10, 64)
		if err != nil {
			break
		}
		return &phonenumbers.PhoneNumber{CountryCode: new(int32(country)), NationalNumber: &national}, nil
	}
	return phonenumbers.Parse(number, region)
}

// notInNumbers refuses letters, which the library would take for the keys of a telephone.
func notInNumbers(r rune) bool {
	return !strings.ContainsRune("+0123456789 ()-./\u00a0\u2010\u2011\u2013", r)
}
