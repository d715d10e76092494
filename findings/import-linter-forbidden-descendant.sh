#!/bin/bash
# import-linter 2.17 (grimp 3.20): a `forbidden` contract whose source is the parent package of the forbidden module
# checks nothing, and is reported as KEPT.
#
# A contract that says "nothing in app may import app.vendor" is most easily written with source_modules = app and
# forbidden_modules = app.vendor. app.core imports app.vendor, so one expects BROKEN. The pair is skipped, since the two
# overlap; only `lint-imports --verbose` says so. With the siblings listed by name the same import is found.
#
#   bash findings/import-linter-forbidden-descendant.sh
#
# Seen on 2026-11-30 with Python 3.11:
#   parent as source:   Nothing imports the vendor KEPT      exit code 0
#   sibling as source:  Nothing imports the vendor BROKEN    exit code 1
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q import-linter==2.17 grimp==3.20

mkdir app
touch app/__init__.py app/vendor.py
echo "import app.vendor" >app/core.py

# lint SOURCE: check the contract with this source module; print its line and the exit code.
lint() {
    local status=0
    printf '[importlinter]\nroot_package = app\n[importlinter:contract:1]\nname = Nothing imports the vendor\n' >.importlinter
    printf 'type = forbidden\nsource_modules = %s\nforbidden_modules = app.vendor\n' "$1" >>.importlinter
    PYTHONPATH=. timeout 60 venv/bin/lint-imports --no-cache >out.txt 2>&1 || status=$?
    printf '%s, exit code %s\n' "$(grep -E '(KEPT|BROKEN)$' out.txt)" "$status"
}

parent=$(lint app)
sibling=$(lint app.core)
echo "parent as source:  $parent"
echo "sibling as source: $sibling"
[ "$parent" = "Nothing imports the vendor KEPT, exit code 0" ]
[ "$sibling" = "Nothing imports the vendor BROKEN, exit code 1" ]
echo "as described"
