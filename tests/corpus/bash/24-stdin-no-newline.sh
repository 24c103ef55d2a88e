while IFS= read -r line || [[ -n $line ]]; do printf '%s|%d\n' "$line" "${#line}"; done
