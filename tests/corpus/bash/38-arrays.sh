list=(one "two words" three)
list+=(four)
echo "${#list[@]} ${list[1]} ${list[@]: -2} ${!list[@]}"
unset 'list[0]'
echo "${!list[*]}"
declare -A map=([a]=1 [b]=2)
map[c]=3
for k in $(printf '%s\n' "${!map[@]}" | sort); do echo "$k=${map[$k]}"; done
