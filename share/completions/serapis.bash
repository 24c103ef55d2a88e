# SPDX-License-Identifier: MIT
# Completion of serapis(1) for bash; needs nothing beside bash itself. Settings and languages are asked of the program that stands on the line, so that they are its own.
# shellcheck shell=bash

# Flags of all settings into _serapis_settings. Asked once a shell and program: they do not change while it stays the same.
_serapis_ask_settings() {
	[[ ${_serapis_settings_of-} == "$1" ]] && return
	local flag rest
	_serapis_settings=''
	while read -r flag rest; do
		[[ $flag == --[a-z]* && $flag != --json && $flag != --config ]] && _serapis_settings+=" $flag"
	done < <("$1" config --help 2>/dev/null)
	_serapis_settings_of=$1
}

_serapis_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_serapis_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

# What the value of an option may be; false when the option has none.
_serapis_value() {
	local program=$1 option=$2 cur=$3
	case $option in
	--config | --stdin | --key-file | --box-path | --box-policy | --auth-admin-key-file | --http-port-file) _serapis_files "$cur" ;;
	--languages-dir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	--language) _serapis_words "$("$program" languages 2>/dev/null | while read -r id _; do echo "$id"; done)" "$cur" ;;
	--limit)
		compopt -o nospace 2>/dev/null
		_serapis_words "wall_ms= cpu_ms= memory_bytes= processes= open_files= files_bytes= output_bytes= compile_wall_ms=" "$cur"
		;;
	--log-level) _serapis_words "debug info warn error" "$cur" ;;
	--log-format) _serapis_words "auto json text" "$cur" ;;
	--auth-signup) _serapis_words "open admin off" "$cur" ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	--admin | --async | --help | --json | --merge-output | --version | --yes) return 1 ;;
	--*) ;; # a value that only its writer knows
	*) return 1 ;;
	esac
}

_serapis() {
	local program=${1/#\~/$HOME} cur=${COMP_WORDS[COMP_CWORD]} prev='' verb='' command='' own='' settings=1 i
	((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()

	# --option=value is three words where "=" divides words, and one where it does not.
	local prefix=''
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == --*=* ]]; then
		prefix=${cur%%=*}= prev=${cur%%=*} cur=${cur#*=}
	fi

	if ((COMP_CWORD == 1)); then
		_serapis_words "serve eval run user key languages doctor config migrate --help --version" "$cur"
		return
	fi
	command=${COMP_WORDS[1]}
	# Behind "--" stand the program's arguments, of which only files can be guessed.
	if [[ $command == eval || $command == run ]]; then
		for ((i = 2; i < COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} == -- ]] || continue
			_serapis_files "$cur"
			return
		done
	fi
	if _serapis_value "$program" "$prev" "$cur"; then
		[[ $prefix ]] && COMPREPLY=("${COMPREPLY[@]/#/$prefix}")
		return
	fi

	case $command in
	eval) settings='' own="--language --stdin --env --limit --merge-output --server --key-file --reference --async --json --help --" ;;
	run) own="--language --stdin --env --limit --merge-output --json --config --help --" ;;
	serve | migrate) own="--config --help" ;;
	languages | doctor | config) own="--json --config --help" ;;
	user | key)
		local verbs="add list revoke"
		[[ $command == user ]] && verbs="add list show delete"
		if ((COMP_CWORD == 2)); then
			_serapis_words "$verbs --help" "$cur"
			return
		fi
		verb=${COMP_WORDS[2]}
		case $command-$verb in
		user-add) own="--admin --name --rate-per-minute --max-waiting --max-running --json --config --help" ;;
		key-add) own="--name --rate-per-minute --max-waiting --max-running --json --config --help" ;;
		user-delete) own="--yes --config --help" ;;
		user-list | user-show | key-list | key-revoke) own="--json --config --help" ;;
		*) return ;;
		esac
		;;
	*) return ;;
	esac

	if [[ $cur == -* ]]; then
		if [[ $settings ]]; then
			_serapis_ask_settings "$program"
			own+=$_serapis_settings
		fi
		_serapis_words "$own" "$cur"
	elif [[ $command == eval || $command == run ]]; then
		_serapis_files "$cur"
	fi
}

complete -F _serapis serapis
