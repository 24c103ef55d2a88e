for i in 1 2 3; do (sleep 0.0$i; exit $i) & pids+=($!); done
for p in "${pids[@]}"; do wait "$p"; echo $?; done
wait
echo all
