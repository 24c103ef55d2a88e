name=value
cat <<END
$name $(echo command) \$literal
END
cat <<'END'
$name $(echo command)
END
cat <<-END
	tabs are taken away
	END
cat <<<"a here string"
