case file.txt in *.c) echo c ;; *.t?t) echo text ;;& *) echo any ;; esac
if [[ 2024-07-01 =~ ^([0-9]+)-([0-9]+) ]]; then echo "${BASH_REMATCH[@]}"; fi
[[ abc < abd && -d /tmp && ! -e /nothing ]] && echo yes
