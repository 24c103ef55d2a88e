File.write("s.sh", "#!/bin/sh\necho script $0 $1\n")
File.chmod(0755, "s.sh")
puts `./s.sh argument`, `awk 'BEGIN { print 6 * 7 }'`, `printf 'b\\na\\n' | sort | tr '\\n' ' '`, `ls /proc/self/fd | wc -l`, `tty`
