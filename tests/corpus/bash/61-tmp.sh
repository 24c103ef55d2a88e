f=$(mktemp -d /tmp/corpus-XXXXXX)
echo x >"$f/y"
ls "$f"
rm -r "$f"
echo "$TMPDIR"
