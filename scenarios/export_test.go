package scenarios

// Words are those that a scenario may use where any text would parse, by type and member.
func Words() map[string][]string {
	return map[string][]string{
		"Scenario.source":           sources,
		"Device.sdk":                sdkNames(),
		"Device.api":                apis,
		"DeviceState.code":          presence,
		"DeviceState.error":         sdkErrors,
		"DeviceState.problem":       problems,
		"CheckState.status":         statuses,
		"CheckState.error_code":     errorCodes,
		"DeviceState.match":         verdicts,
		"DeviceState.no_sim_change": verdicts,
		"CheckState.match":          verdicts,
		"Scenario.tags":             tags,
	}
}
