package idlayrfake

import "encoding/json"

// codeOfPatch reads the one JSON patch (RFC 6902) that the platform takes: add a
// code at /code. It returns why the patch is another one, or "".
func codeOfPatch(body []byte) (code, why string) {
	// Maps, because names are case-sensitive; members without meaning are ignored
	// (RFC 6902 §4).
	var operations []map[string]json.RawMessage
	if json.Unmarshal(body, &operations) != nil {
		return "", "the body is not a JSON patch"
	}
	if len(operations) != 1 {
		return "", "the patch does not consist of one operation"
	}
	op, _, _ := stringMember(operations[0], "op")
	path, _, _ := stringMember(operations[0], "path")
	if op != "add" || path != "/code" {
		return "", "only /code can be added"
	}
	if code, _, _ = stringMember(operations[0], "value"); code == "" {
		return "", "the code is not a string"
	}
	return code, ""
}
