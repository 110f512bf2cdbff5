#!/bin/bash
# Reports the banned words of tools/words.txt, one line each:
#
#   docs/page.md:12: "four eyes": write "second-person approval"
#
# Arguments are files to check. Without arguments it checks every Go file, page, query and
# template that is written by hand. `make lint` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
words=$PWD/tools/words.txt

# The glossary and the page about the seeds quote the words of other systems.
hand_written() {
    find . \( -name node_modules -o -name testdata -o -path ./bin -o -path ./.git \) -prune -o \
        \( -name '*.go' -o -name '*.md' -o -name '*.tmpl' -o -path './store/queries/*.sql' \) -type f -print |
        grep -v -x -e ./docs/glossary.md -e ./docs/seeds.md | LC_ALL=C sort |
        xargs grep -L -E '^// Code generated .* DO NOT EDIT\.$'
}

files=("$@")
if ((${#files[@]} == 0)); then
    while IFS= read -r file; do files+=("${file#./}"); done < <(hand_written)
fi
entries=$(grep -v -e '^#' -e '^[[:space:]]*$' "$words")

# grep selects the lines that may have a banned word; awk decides. Words of an identifier
# are separated first, so that "lookout" is found in PollLookout and poll_lookout.
candidates=$(mktemp)
trap 'rm -f "$candidates"' EXIT
cut -f 1 <<<"$entries" | sed -e 's/ /[ _-]*/g' >"$candidates"
status=0
lines=$(grep -n -H -i -E -f "$candidates" -- "${files[@]}") || status=$?
((status < 2)) || exit "$status"

awk -F '\t' '
    # separate("fourEyes_mode") is "four eyes mode".
    function separate(text) {
        while (match(text, /[a-z0-9][A-Z]/))
            text = substr(text, 1, RSTART) " " substr(text, RSTART + 1)
        gsub(/[_-]/, " ", text)
        return tolower(text)
    }
    NR == FNR {
        if (NF != 2) { print "tools/words.txt: want WORD, a tab and a REPLACEMENT: " $0; exit 2 }
        pattern[++n] = $1; replacement[n] = $2; next
    }
    $0 != "" {
        match($0, /^[^:]*:[0-9]+:/)
        place = substr($0, 1, RLENGTH)
        raw = substr($0, RLENGTH + 1)
        text = separate(raw)
        for (i = 1; i <= n; i++) {
            # A pattern with a capital is the beginning of an identifier.
            if (pattern[i] ~ /[A-Z]/) subject = raw
            else subject = text
            if (!match(" " subject " ", "[^A-Za-z]" pattern[i] "[^A-Za-z]")) continue
            printf "%s \"%s\": write \"%s\"\n", place, substr(" " subject " ", RSTART + 1, RLENGTH - 2), replacement[i]
            found = 1
        }
    }
    END { exit found }
' <(printf '%s\n' "$entries") <(printf '%s\n' "$lines")
