for i in {1..40}; do sleep 0.2 & done
wait
echo done
