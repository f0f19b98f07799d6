package app

import "runtime/debug"

// Version is what the build says of itself: the tag or pseudo-version of the commit it was made from, or "devel" outside of a repository.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
