trap 'echo got TERM; exit 5' TERM
kill -TERM $$
echo never
