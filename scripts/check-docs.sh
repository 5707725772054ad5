#!/usr/bin/env bash
# Compares docs/directives.md with the code (directives, variables),
# docs/violations.md with what is generated, docs/frameworks.md with the
# registry of frameworks and module/README.md with the files, and looks in all
# documents for tests that are not there and for dead relative links. With the argument "frameworks" it compares
# only these.

cd "$(dirname "$0")/.."
. scripts/common.sh

doc=docs/directives.md
failed=0


# $1: what; $2: as the code has it; $3: as the page has it
compare() {
    local difference

    [ -n "$2" ] || die "check-docs: no $1 found in the code"
    difference=$(diff <(sort <<< "$2") <(sort <<< "$3") || true)
    [ -z "$difference" ] || {
        say "$doc and the code differ in $1 (< code, > page):"
        say "$(grep '^[<>]' <<< "$difference")"
        failed=1
    }
}


# Of what registry.go lists, the name; a row has it in its second cell. Several
# rows may have the same.
registry=gobridge/internal/framework
doc=docs/frameworks.md
compare frameworks \
    "$(sed -nE 's/^\t&([A-Za-z0-9]+),$/\1/p' $registry/registry.go \
       | while read -r spec; do
             name=$(sed -nE "/^var $spec = spec\{/,/^}/"'s/^\tname: *"(.*)",$/\1/p' \
                        $registry/*.go)
             echo "${name:-$spec: no name}"
         done)" \
    "$(sed -nE '/^## Frameworks/,/^## Formats/s/^\| [^|]+ \| `([^`]+)` \|.*/\1/p' \
           $doc | sort -u)"

doc=docs/directives.md
if [ "${1:-}" = frameworks ]; then
    [ $failed = 0 ] || die "check-docs failed"
    exit
fi


# The tables of directives have the name last on the line, those of variables
# go on with the handlers.
compare directives \
    "$(sed -nE 's/^    \{ ngx_string\("(wallarm_[a-z_]+)"\),$/\1/p' \
           module/*_module.c)" \
    "$(sed -nE 's/^### (wallarm_[a-z_]+)$/\1/p' $doc)"

without=$(awk '/^##+ / { if (name != "" && !example) print name; name = "" }
                /^### wallarm_/ { name = $2; example = 0 }
                /^```nginx/ { example = 1 }' $doc)
[ -z "$without" ] || { say "$doc: no example of" $without; failed=1; }

compare variables \
    "$(sed -nE 's/^    \{ ngx_string\("(wallarm_[a-z_]+)"\), NULL,$/\1/p' \
           module/*_variables.c)" \
    "$(sed -nE 's/^\| `\$(wallarm_[a-z_]+)` \|.*/\1/p' $doc)"

doc=module/README.md
compare files \
    "$(ls module | sed -nE 's/^ngx_http_wallarm_websocket_(.*\.c)$/\1/p')" \
    "$(sed -nE '/^\| File/,/^$/s/^\| (`[^|]*`) \|.*/\1/p' $doc \
       | grep -oE '[a-z_]+\.c')"

scripts/go.sh run ./gobridge/internal/ws/gen -check || failed=1

tests=$(grep -rhoE '^func (Test|Fuzz)[A-Za-z0-9]+' \
             --include='*_test.go' gobridge)

for page in $(git ls-files --cached --others --exclude-standard '*.md'); do
    for test in $(grep -oE '\b(Test|Fuzz)[A-Z][A-Za-z0-9]+' "$page" || true); do
        grep -qxF "func $test" <<< "$tests" \
            || { say "$page: no test $test"; failed=1; }
    done

    for link in $(grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//'); do
        case $link in
            *://* | mailto:*) continue ;;
            '#'*)             target=$page ;;
            *)                target=$(dirname "$page")/${link%%#*} ;;
        esac
        [ -e "$target" ] || {
            say "$page: dead link $link"
            failed=1
            continue
        }

        # The anchor of a heading: lower case, words joined by hyphens.
        case $link in
            *#*) sed -nE 's/^#+ //p' "$target" | tr 'A-Z ' 'a-z-' \
                     | tr -cd 'a-z0-9_\n-' | grep -qxF -- "${link#*#}" \
                     || { say "$page: no heading for $link"; failed=1; } ;;
        esac
    done
done

[ $failed = 0 ] || die "check-docs failed"
echo "docs: ok"
