package framework

// Names are those of the registry.
func Names() (names []string) {
	for _, s := range registry {
		names = append(names, s.name)
	}
	return names
}
