package serve

// Routes are the control API's routes by name, each with method and path.
func Routes() map[string]string {
	all := map[string]string{}
	for _, r := range routes() {
		all[r.name] = r.method + " " + r.path
	}
	return all
}

// OpenAPI is its description.
func OpenAPI() []byte { return openAPI }
