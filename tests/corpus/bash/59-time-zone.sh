date -d @0 '+%F %T %Z'
printf '%(%H:%M)T\n' 0
