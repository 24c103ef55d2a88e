console.log(`
EOF
SOLUTION
cat <<'END' > /tmp/x
END
`);
/* ' " ` $(
*/ console.log("still javascript");
